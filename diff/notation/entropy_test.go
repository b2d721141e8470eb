package notation

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Tokens in the usual formats are recognised, and words of any length are not.
func TestEntropy(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const hex, lower, all = "0123456789abcdef", "0123456789abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, tt := range []struct {
		name, letters string
		length, lost  int // how many pairs of 2000 may go unrecognised
	}{
		{"64 bits in hex", hex, 16, 2},
		{"128 bits in hex", hex, 32, 0},
		{"PHP", lower, 26, 2},
		{"16 bytes in base64", all, 22, 6},
		{"32 bytes in base64", all, 43, 0},
		{"digits", hex[:10], 24, 0},
		{"base32", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 26, 0},
	} {
		lost := 0
		for range 2000 {
			var pair [2]string
			for i := range pair {
				b := make([]byte, tt.length)
				for k := range b {
					b[k] = tt.letters[r.IntN(len(tt.letters))]
				}
				pair[i] = string(b)
			}
			if !RandomPair(pair[0], pair[1]) {
				lost++
			}
		}
		if lost > tt.lost {
			t.Errorf("%s: %d of 2000 pairs are not taken for tokens", tt.name, lost)
		}
	}
	for _, word := range []string{
		"", "ko", strings.Repeat("0", 32), strings.Repeat("f", 64), "0123456789abcdef0123456789abcdef", "12345678901234567890123456789012",
		"preferences-dark-mode-seoul", "ko-KR_Seoul_1920x1080", "channel-list-version-20261128-02", "anonymous-guest-session-0001", "GUEST0000000000000001",
		"2026-11-28T09:00:00+09:00", "20261128093000", "1764288000000", "error-session-could-not-be-created-500", "SessionExpiredPleaseLogin1", "premium-plus-family-plan-2026-kr",
	} {
		if IsRandom(word) {
			t.Errorf("%q counts as a token: %.0f bits", word, entropy(word))
		}
	}
}

// A name in place of a token is noticed, also one of the token's length.
func TestNameForToken(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, name := range []string{
		"sessionexpiredpleaselogin", "channelservicenotavailable", "GUESTSESSIONEXPIREDSEOUL", "temporarilyunavailableretry", "anonymoususeroftheplatform",
		"internalservererroroccurred", "PREMIUMFAMILYPLANSUBSCRIBER", "seoulbusandaegudaejeonjeju", "invalidcredentialsprovided", "defaultconfigurationprofile",
	} {
		for range 500 {
			token := make([]byte, len(name))
			for k := range token {
				token[k] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[r.IntN(32)]
			}
			if RandomPair(string(token), name) {
				t.Fatalf("%q counts as a token next to %s", name, token)
			}
		}
	}
}

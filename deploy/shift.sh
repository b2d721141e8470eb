#!/bin/sh
# Moves DNS weight to green step by step. Before each step gate checks the archived verdict: digest, age, green's build, and
# that load, comparison and identity were shown. After it the smoke cases run again, now that green carries traffic.
# Anything but 0 gives all weight back to blue.
#
#   RUN          the judged run: an id or folder under runs/, or latest
#   DIGEST       the manifest's digest from that run's last line (digest=sha256:…)
#   GREEN_BUILD  what green must run
#   SET_WEIGHT   the command that gives green a share of traffic; it is called with the percentage
#   SUITES       what is run between steps (scenarios/stb), with ENV_FILE (env/production.yaml)
#   REQUIRE      what the run must have shown (compare,load,identity)
#   LAST_RELEASE the run of the last release, if there is one: this run must not check less
#   STEPS        the percentages ("1 5 10 25 50 100"), SOAK: seconds after each (300)
set -eu
: "${RUN:?the judged run}" "${DIGEST:?the digest that the run printed}" "${GREEN_BUILD:?what green must run}"
: "${SET_WEIGHT:?the command that sets the share of green}"

back() {
  echo "back to blue: $1" >&2
  $SET_WEIGHT 0
  exit 1
}
trap 'back "stopped"' INT TERM

for share in ${STEPS:-1 5 10 25 50 100}; do
  bgverify gate "$RUN" --digest "$DIGEST" --green-build "$GREEN_BUILD" --max-age 4h \
    --require "${REQUIRE:-compare,load,identity}" ${LAST_RELEASE:+--no-weaker "$LAST_RELEASE"} || back "the verdict does not hold (status $?)"
  $SET_WEIGHT "$share" || back "$share % could not be set"
  sleep "${SOAK:-300}"
  bgverify run "${SUITES:-scenarios/stb}" --env "${ENV_FILE:-env/production.yaml}" --tag smoke --no-load --no-progress --quiet --out runs/shift ||
    back "smoke cases at $share % (status $?)"
done
echo "green has all traffic"

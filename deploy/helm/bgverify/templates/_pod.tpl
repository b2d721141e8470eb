{{- define "bgverify.name" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "bgverify.job" -}}
backoffLimit: 0            # a run that is repeated until it passes proves nothing
activeDeadlineSeconds: {{ .Values.activeDeadlineSeconds }}
ttlSecondsAfterFinished: {{ .Values.ttlSecondsAfterFinished }}
template:
  metadata:
    labels: {app.kubernetes.io/name: bgverify, app.kubernetes.io/instance: {{ .Release.Name | quote }}}
    {{- with .Values.podAnnotations }}
    annotations: {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    restartPolicy: Never
    terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
    automountServiceAccountToken: {{ ne .Values.serviceAccountName "" }}
    {{- with .Values.serviceAccountName }}
    serviceAccountName: {{ . }}
    {{- end }}
    securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532}
    {{- with .Values.nodeSelector }}
    nodeSelector: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .Values.tolerations }}
    tolerations: {{- toYaml . | nindent 6 }}
    {{- end }}
    containers:
      - name: bgverify
        image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
        imagePullPolicy: {{ .Values.image.pullPolicy }}
        args: {{- toYaml .Values.args | nindent 10 }}
        {{- with .Values.env }}
        env: {{- toYaml . | nindent 10 }}
        {{- end }}
        {{- with .Values.envFrom }}
        envFrom: {{- toYaml . | nindent 10 }}
        {{- end }}
        resources: {{- toYaml .Values.resources | nindent 10 }}
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
        volumeMounts:
          - {name: suites, mountPath: /work/suites, readOnly: true}
          - {name: runs, mountPath: /work/runs}
          - {name: tmp, mountPath: /tmp}
    volumes:
      - name: suites
        configMap:
          name: {{ .Values.suites.configMap | default (printf "%s-suites" (include "bgverify.name" .)) }}
          {{- if not .Values.suites.configMap }}
          items:
            {{- range $name, $text := .Values.suites.files }}
            - {key: {{ $name | quote }}, path: {{ $name | replace "__" "/" | quote }}}
            {{- end }}
          {{- end }}
      - name: runs
        {{- if .Values.runs.existingClaim }}
        persistentVolumeClaim: {claimName: {{ .Values.runs.existingClaim | quote }}}
        {{- else if .Values.runs.create }}
        persistentVolumeClaim: {claimName: {{ include "bgverify.name" . }}-runs}
        {{- else }}
        emptyDir: {}
        {{- end }}
      - {name: tmp, emptyDir: {}}
{{- end }}

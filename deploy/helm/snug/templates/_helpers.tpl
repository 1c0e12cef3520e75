{{/*
Names are not the release's: of two agents on one node each would watch the other's containers, and both would write its
slices. So a second release is refused.
*/}}
{{- define "snug.selector" -}}
app.kubernetes.io/name: snug
app.kubernetes.io/component: agent
{{- end }}

{{- define "snug.labels" -}}
app.kubernetes.io/name: snug
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "snug.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "snug.listen" -}}
{{ .Values.config.listen | default "127.0.0.1:7684" }}
{{- end }}

{{/*
snug.yaml. For scraping, the agent listens where Prometheus reaches it, and identifies Prometheus by its certificate. TLS
settings of the config take precedence.
*/}}
{{- define "snug.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- with .Values.serviceMonitor -}}
{{- if .enabled -}}
{{- $listen := include "snug.listen" $ -}}
{{- if eq $listen "none" -}}
{{- fail "serviceMonitor.enabled: with `config.listen: none` nothing is there to scrape" -}}
{{- end -}}
{{- $own := $config.tls | default dict -}}
{{- $clients := append ($own.clients | default list) (dict "name" .client "role" "viewer") -}}
{{- $files := dict "cert" "/etc/snug-tls/tls.crt" "key" "/etc/snug-tls/tls.key" "clientCa" "/etc/snug-tls/ca.crt" -}}
{{- $_ := set $config "tls" (merge (dict "clients" $clients) $own $files) -}}
{{- $_ := set $config "listen" (regexReplaceAll `^(127\.[0-9.]+|localhost|\[::1\]):` $listen "[::]:") -}}
{{- end -}}
{{- end -}}
{{- with .Values.nri -}}
{{- if .enabled -}}
{{- $sockets := dict "nri" (printf "/host/nri/%s" (base .socket)) "runtime" (printf "/host/runtime/%s" (base .runtime)) -}}
{{- $engines := $config.engines | default dict -}}
{{- $kubernetes := merge (dict) ($engines.kubernetes | default dict) $sockets -}}
{{- $_ := set $config "engines" (merge (dict "kubernetes" $kubernetes) $engines) -}}
{{- end -}}
{{- end -}}
{{- with .Values.auditLog -}}
{{- if .enabled -}}
{{- $log := dict "auditLog" (printf "/host/audit/%s" (base .path)) -}}
{{- $engines := $config.engines | default dict -}}
{{- $kubernetes := merge (dict) ($engines.kubernetes | default dict) $log -}}
{{- $_ := set $config "engines" (merge (dict "kubernetes" $kubernetes) $engines) -}}
{{- end -}}
{{- end -}}
{{- if .Values.reports.enabled -}}
{{- $engines := $config.engines | default dict -}}
{{- $kubernetes := merge (dict) ($engines.kubernetes | default dict) (dict "reports" true) -}}
{{- $_ := set $config "engines" (merge (dict "kubernetes" $kubernetes) $engines) -}}
{{- end -}}
{{- if .Values.heldLabel.enabled -}}
{{- $engines := $config.engines | default dict -}}
{{- $kubernetes := merge (dict) ($engines.kubernetes | default dict) (dict "labelHeld" true) -}}
{{- $_ := set $config "engines" (merge (dict "kubernetes" $kubernetes) $engines) -}}
{{- end -}}
{{- if .Values.heldDeletion.enabled -}}
{{- $engines := $config.engines | default dict -}}
{{- $kubernetes := merge (dict) ($engines.kubernetes | default dict) (dict "deleteHeld" true) -}}
{{- $_ := set $config "engines" (merge (dict "kubernetes" $kubernetes) $engines) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end }}

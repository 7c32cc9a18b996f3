{{/* The chart's name. */}}
{{- define "tidegate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* The name of objects. */}}
{{- define "tidegate.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* The name of cluster-wide objects: that of other releases of the same name in other namespaces must differ. */}}
{{- define "tidegate.clusterName" -}}
{{- $name := include "tidegate.fullname" . }}
{{- if eq $name .Release.Namespace }}{{ $name }}{{ else }}{{ printf "%s-%s" .Release.Namespace $name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tidegate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "tidegate.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "tidegate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tidegate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "tidegate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "tidegate.selectorLabels" . }}
app.kubernetes.io/version: {{ default .Chart.AppVersion .Values.image.tag | trunc 63 | quote }}
app.kubernetes.io/part-of: tidegate
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels and annotations of an object: dict "root" $, "labels" map, "annotations" map. */}}
{{- define "tidegate.meta" -}}
labels:
  {{- include "tidegate.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge dict (default dict .annotations) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "tidegate.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* The profile by its name: A, B and C are short for cluster, local and proxy. */}}
{{- define "tidegate.profile" -}}
{{- get (dict "A" "cluster" "B" "local" "C" "proxy" "cluster" "cluster" "local" "local" "proxy" "proxy") .Values.loadBalancer.profile }}
{{- end }}

{{- define "tidegate.externalTrafficPolicy" -}}
{{- default (ternary "Local" "Cluster" (eq (include "tidegate.profile" .) "local")) .Values.service.externalTrafficPolicy }}
{{- end }}

{{/* The ports of the Service, as JSON. That for health checks is for load balancers that ask nodes; a provider would publish it. */}}
{{- define "tidegate.servicePorts" -}}
{{- $health := .Values.service.health.enabled }}
{{- if kindIs "invalid" $health }}{{ $health = eq .Values.service.type "NodePort" }}{{ end }}
{{- concat (list "http" "https") (ternary (list "health") list $health) | toJson }}
{{- end }}

{{/* The ports of streams, as JSON: name, port, protocol and perhaps nodePort. */}}
{{- define "tidegate.streamPorts" -}}
{{- $all := dict }}
{{- range $port, $to := .Values.tcp }}
{{- $_ := set $all (printf "tcp-%v" $port) (dict "name" (printf "tcp-%v" $port) "port" (int $port) "protocol" "TCP") }}
{{- end }}
{{- range $port, $to := .Values.udp }}
{{- $_ := set $all (printf "udp-%v" $port) (dict "name" (printf "udp-%v" $port) "port" (int $port) "protocol" "UDP") }}
{{- end }}
{{- range .Values.streams.ports }}
{{- $protocol := default "TCP" .protocol }}
{{- $name := printf "%s-%d" (lower $protocol) (int .port) }}
{{- $port := dict "name" $name "port" (int .port) "protocol" $protocol }}
{{- with .nodePort }}{{ $_ := set $port "nodePort" (int .) }}{{ end }}
{{- $_ := set $all $name $port }}
{{- end }}
{{- $ports := list }}
{{- range keys $all | sortAlpha }}{{ $ports = append $ports (get $all .) }}{{ end }}
{{- $ports | toJson }}
{{- end }}

{{/* The ConfigMap of streams over a transport (tcp or udp), as NAMESPACE/NAME; empty where there is none. */}}
{{- define "tidegate.streamConfigMap" -}}
{{- $named := get .root.Values.streams (printf "%sConfigMap" .transport) }}
{{- if get .root.Values .transport }}{{ $named = printf "%s/%s-%s" .root.Release.Namespace (include "tidegate.fullname" .root) .transport }}{{ end }}
{{- $named }}
{{- end }}

{{- define "tidegate.proxyProtocol" -}}
{{- default (ternary "auto" "off" (eq (include "tidegate.profile" .) "proxy")) .Values.proxyProtocol }}
{{- end }}

{{/* Which Secrets may be read: cluster, namespaces or names. */}}
{{- define "tidegate.secretAccess" -}}
{{- default (ternary "namespaces" "cluster" (gt (len (concat .Values.watch.namespaces .Values.secrets.namespaces)) 0)) .Values.secrets.access }}
{{- end }}

{{/* The namespaces of secrets.access namespaces, as JSON. */}}
{{- define "tidegate.secretNamespaces" -}}
{{- default .Values.watch.namespaces .Values.secrets.namespaces | uniq | toJson }}
{{- end }}

{{/* The Secrets of secrets.access names with the default certificate's, as JSON: {namespace: [name]}. */}}
{{- define "tidegate.secretNames" -}}
{{- $names := deepCopy .Values.secrets.names }}
{{- if .Values.defaultCertificate }}
{{- $parts := splitList "/" .Values.defaultCertificate }}
{{- $there := default list (get $names (first $parts)) }}
{{- $_ := set $names (first $parts) (append $there (last $parts) | uniq) }}
{{- end }}
{{- $names | toJson }}
{{- end }}

{{/* The same, as NAMESPACE/NAME with commas between. */}}
{{- define "tidegate.secretNameList" -}}
{{- $list := list }}
{{- range $namespace, $names := include "tidegate.secretNames" . | fromJson }}
{{- range $names }}
{{- $list = append $list (printf "%s/%s" $namespace .) }}
{{- end }}
{{- end }}
{{- join "," $list }}
{{- end }}

{{/* The namespaces of configMaps.access namespaces, as JSON. */}}
{{- define "tidegate.configMapNamespaces" -}}
{{- default .Values.watch.namespaces .Values.configMaps.namespaces | uniq | toJson }}
{{- end }}

{{/* The ConfigMaps of configMaps.access names, as NAMESPACE/NAME with commas between. */}}
{{- define "tidegate.configMapNameList" -}}
{{- $list := list }}
{{- range $namespace, $names := .Values.configMaps.names }}
{{- range $names }}
{{- $list = append $list (printf "%s/%s" $namespace .) }}
{{- end }}
{{- end }}
{{- join "," $list }}
{{- end }}

{{/* The Service that tells pods of each other. */}}
{{- define "tidegate.selfService" -}}
{{- printf "%s-replicas" (include "tidegate.fullname" .) }}
{{- end }}

{{/* The Secret with keys that pods share, if any. */}}
{{- define "tidegate.sharedKeys" -}}
{{- if .Values.sharedKeys.secretName }}{{ .Values.sharedKeys.secretName }}
{{- else if .Values.sharedKeys.create }}{{ printf "%s-shared-keys" (include "tidegate.fullname" .) }}
{{- end }}
{{- end }}

{{/* The Service whose address is published: NAMESPACE/NAME or nothing. */}}
{{- define "tidegate.publishService" -}}
{{- if .Values.status.publishAddresses }}
{{- else if .Values.status.publishService }}
{{- .Values.status.publishService }}
{{- else if and .Values.service.enabled (eq .Values.service.type "LoadBalancer") }}
{{- printf "%s/%s" .Release.Namespace (include "tidegate.fullname" .) }}
{{- end }}
{{- end }}

{{/* A duration such as 500ms, 25s, 2m or 1h in whole seconds, rounded up. */}}
{{- define "tidegate.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int64 }}
{{- $unit := regexFind "[a-z]+$" . }}
{{- if eq $unit "ms" }}{{ div (add $number 999) 1000 }}
{{- else }}{{ mul $number (get (dict "s" 1 "m" 60 "h" 3600) $unit) }}
{{- end }}
{{- end }}

{{- define "tidegate.gracePeriod" -}}
{{- if .Values.terminationGracePeriodSeconds }}
{{- .Values.terminationGracePeriodSeconds | int64 }}
{{- else }}
{{- add (include "tidegate.seconds" .Values.drain.delay) (include "tidegate.seconds" .Values.drain.timeout) 15 }}
{{- end }}
{{- end }}

{{/* How long a load balancer leaves connections of a target that it turned away from: longer than the pods take to end. */}}
{{- define "tidegate.deregistrationDelay" -}}
{{- add (include "tidegate.gracePeriod" .) 20 | min 3600 }}
{{- end }}

{{/* Fewest pods of the Deployment. */}}
{{- define "tidegate.fewestPods" -}}
{{- ternary .Values.autoscaling.minReplicas .Values.replicaCount .Values.autoscaling.enabled | int }}
{{- end }}

{{/* Whether the budget would never let a pod of the Deployment be evicted. kubectl drain passes over those of a DaemonSet. */}}
{{- define "tidegate.forbidsEviction" -}}
{{- $budget := .Values.podDisruptionBudget }}
{{- $pods := include "tidegate.fewestPods" . | int }}
{{- $required := $budget.minAvailable }}
{{- $percent := kindIs "string" $required | ternary (trimSuffix "%" (toString $required)) "0" | int }}
{{- if and $budget.enabled (eq .Values.kind "Deployment") }}
{{- if kindIs "invalid" $required }}
{{- if has (toString $budget.maxUnavailable) (list "0" "0%") }}true{{ end }}
{{- else if ge (ternary (div (add (mul $percent $pods) 99) 100) (int64 $required) (kindIs "string" $required)) (int64 $pods) }}true{{ end }}
{{- end }}
{{- end }}

{{/* An address to listen on: dict "root" $, "port" number. */}}
{{- define "tidegate.listen" -}}
{{- $address := .root.Values.bindAddress }}
{{- if contains ":" $address }}{{ printf "[%s]:%d" $address (int .port) }}{{ else }}{{ printf "%s:%d" $address (int .port) }}{{ end }}
{{- end }}

{{/* Whether pods take ports of their node, so that two do not fit on one. */}}
{{- define "tidegate.takesNodePorts" -}}
{{- if or .Values.hostPort.enabled .Values.hostNetwork }}true{{ end }}
{{- end }}

{{- define "tidegate.strategy" -}}
{{- if .Values.updateStrategy }}
{{- toYaml .Values.updateStrategy }}
{{- else }}
{{- $one := include "tidegate.takesNodePorts" . -}}
type: RollingUpdate
rollingUpdate:
  maxUnavailable: {{ ternary 1 0 (eq $one "true") }}
  maxSurge: {{ ternary 0 1 (eq $one "true") }}
{{- end }}
{{- end }}

{{/* What values.schema.json cannot tell: values that do not go together. */}}
{{- define "tidegate.verify" -}}
{{- $access := include "tidegate.secretAccess" . }}
{{- if and .Values.watch.namespaces (eq $access "cluster") }}
{{- fail "secrets.access: cluster does not go with watch.namespaces, which limits rights to Roles: use namespaces or names" }}
{{- end }}
{{- if and (eq $access "namespaces") (not (include "tidegate.secretNamespaces" . | fromJsonArray)) }}
{{- fail "secrets.access: namespaces needs secrets.namespaces or watch.namespaces" }}
{{- end }}
{{- if and .Values.secrets.names (ne $access "names") }}
{{- fail "secrets.names is used with secrets.access: names only" }}
{{- end }}
{{- if and .Values.secrets.namespaces (ne $access "namespaces") }}
{{- fail "secrets.namespaces is used with secrets.access: namespaces only" }}
{{- end }}
{{- if and (eq $access "names") (not (include "tidegate.secretNames" . | fromJson)) }}
{{- fail "secrets.access: names needs secrets.names, as {NAMESPACE: [NAME, …]}" }}
{{- end }}
{{- if and (eq $access "namespaces") .Values.defaultCertificate }}
{{- $namespace := first (splitList "/" .Values.defaultCertificate) }}
{{- if not (has $namespace (include "tidegate.secretNamespaces" . | fromJsonArray)) }}
{{- fail (printf "defaultCertificate is in the namespace %s, which secrets.namespaces does not list" $namespace) }}
{{- end }}
{{- end }}
{{- $maps := .Values.configMaps.access }}
{{- if and .Values.watch.namespaces (eq $maps "cluster") }}
{{- fail "configMaps.access: cluster does not go with watch.namespaces, which limits rights to Roles: use namespaces or names" }}
{{- end }}
{{- if and (eq $maps "namespaces") (not (include "tidegate.configMapNamespaces" . | fromJsonArray)) }}
{{- fail "configMaps.access: namespaces needs configMaps.namespaces or watch.namespaces" }}
{{- end }}
{{- if and .Values.configMaps.names (ne $maps "names") }}
{{- fail "configMaps.names is used with configMaps.access: names only" }}
{{- end }}
{{- if and .Values.configMaps.namespaces (ne $maps "namespaces") }}
{{- fail "configMaps.namespaces is used with configMaps.access: namespaces only" }}
{{- end }}
{{- range list "tcp" "udp" }}
{{- if and (get $.Values .) (get $.Values.streams (printf "%sConfigMap" .)) }}
{{- fail (printf "%s and streams.%sConfigMap exclude each other" . .) }}
{{- end }}
{{- end }}
{{- if and (eq .Values.accessLog "custom") (not .Values.accessLogFormat) }}
{{- fail "accessLog: custom needs accessLogFormat" }}
{{- end }}
{{- if and (or .Values.accessLogCapture.request .Values.accessLogCapture.response) (or (ne .Values.accessLog "haproxy") .Values.accessLogFormat) }}
{{- fail "accessLogCapture is for lines of accessLog: haproxy alone" }}
{{- end }}
{{- if and .Values.stats.durableActions (not (or .Values.stats.enabled .Values.stats.socket.enabled .Values.stats.api.enabled)) }}
{{- fail "stats.durableActions is for what stats, stats.socket and stats.api do: enable one of them too" }}
{{- end }}
{{- if and .Values.stats.api.clientCaSecret (not .Values.stats.api.certificateSecret) }}
{{- fail "stats.api.clientCaSecret needs stats.api.certificateSecret" }}
{{- end }}
{{- if and .Values.stats.api.enabled .Values.hostNetwork (not (or .Values.stats.api.certificateSecret .Values.stats.usersSecret)) }}
{{- fail "stats.api with hostNetwork needs stats.usersSecret or stats.api.certificateSecret: everything on the node reaches its loopback addresses" }}
{{- end }}
{{- if and .Values.stats.admins (not .Values.stats.api.clientCaSecret) (not (and .Values.stats.usersSecret (or .Values.stats.enabled .Values.stats.api.enabled))) }}
{{- fail "stats.admins names users of stats.usersSecret, with stats.enabled or stats.api.enabled, or of stats.api.clientCaSecret" }}
{{- end }}
{{- if and (ne (include "tidegate.proxyProtocol" .) "off") (not .Values.trustedProxies) }}
{{- fail "the PROXY protocol (proxyProtocol, or loadBalancer.profile: proxy) needs trustedProxies: the ranges of the addresses that pods see as the load balancer's, see docs/aws-nlb.md" }}
{{- end }}
{{- if and .Values.service.enabled (eq .Values.service.type "NodePort") (eq (include "tidegate.profile" .) "local") (not (has "health" (include "tidegate.servicePorts" . | fromJsonArray))) }}
{{- fail "loadBalancer.profile: local needs service.health.enabled: the load balancer asks that port which nodes have a ready pod" }}
{{- end }}
{{- if and .Values.watch.namespaces .Values.defaultBackend }}
{{- $namespace := first (splitList "/" .Values.defaultBackend) }}
{{- if not (has $namespace .Values.watch.namespaces) }}
{{- fail (printf "defaultBackend is in the namespace %s, which watch.namespaces does not list" $namespace) }}
{{- end }}
{{- end }}
{{- if and .Values.hostOwners (ne .Values.hostOwnership "namespace") }}
{{- fail "hostOwners is used with hostOwnership: namespace only" }}
{{- end }}
{{- if and .Values.status.publishService .Values.status.publishAddresses }}
{{- fail "status.publishService and status.publishAddresses exclude each other" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled .Values.metrics.podMonitor.enabled }}
{{- fail "metrics.serviceMonitor and metrics.podMonitor would scrape every pod twice: enable one" }}
{{- end }}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.service.enabled) }}
{{- fail "metrics.serviceMonitor needs metrics.service.enabled" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (ne .Values.kind "Deployment") }}
{{- fail "autoscaling is for kind: Deployment" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas exceeds autoscaling.maxReplicas" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not (or .Values.autoscaling.targetCPUUtilizationPercentage .Values.autoscaling.targetMemoryUtilizationPercentage .Values.autoscaling.metrics)) }}
{{- fail "autoscaling needs a target" }}
{{- end }}
{{- if include "tidegate.forbidsEviction" . }}
{{- fail (printf "podDisruptionBudget lets none of %s pods be evicted, so no node that has one can be drained" (include "tidegate.fewestPods" .)) }}
{{- end }}
{{- if and .Values.hostPort.enabled .Values.hostNetwork }}
{{- fail "hostPort and hostNetwork exclude each other" }}
{{- end }}
{{- $ports := list (int .Values.containerPorts.http) (int .Values.containerPorts.https) (int .Values.containerPorts.health) (int .Values.containerPorts.metrics) }}
{{- if lt (len (uniq $ports)) 4 }}
{{- fail "containerPorts must differ from each other" }}
{{- end }}
{{- if and .Values.terminationGracePeriodSeconds (le (int .Values.terminationGracePeriodSeconds) (int (add (include "tidegate.seconds" .Values.drain.delay) (include "tidegate.seconds" .Values.drain.timeout)))) }}
{{- fail "terminationGracePeriodSeconds must exceed drain.delay + drain.timeout, or requests are cut" }}
{{- end }}
{{- if and .Values.admissionPolicy.hostsListedOnly (not .Values.admissionPolicy.hosts) }}
{{- fail "admissionPolicy.hostsListedOnly needs admissionPolicy.hosts, or no host is allowed at all" }}
{{- end }}
{{- end }}

{{/* hostOwners as --host-owners has it. */}}
{{- define "tidegate.hostOwners" -}}
{{- $owners := list }}
{{- range $host, $namespace := .Values.hostOwners }}
{{- $owners = append $owners (printf "%s=%s" $host $namespace) }}
{{- end }}
{{- join "," $owners }}
{{- end }}

{{/* What is read of and reported to the objects of a namespace, or of all. */}}
{{- define "tidegate.rules" -}}
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch{{ if .Values.stats.durableActions }}, patch{{ end }}]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
{{- if .Values.status.report }}
- apiGroups: [networking.k8s.io]
  resources: [ingresses/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
{{- end }}

{{/* A Role and its binding: dict "root" $, "name" name, "namespace" namespace, "rules" YAML. */}}
{{- define "tidegate.role" -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  {{- include "tidegate.meta" (dict "root" .root) | nindent 2 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  {{- include "tidegate.meta" (dict "root" .root) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "tidegate.serviceAccountName" .root }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{/* Whether `helm test` has something to do: its Ingress must be watched and allowed, and it asks through a Service. */}}
{{- define "tidegate.tests" -}}
{{- $watched := or (not .Values.watch.namespaces) (has .Release.Namespace .Values.watch.namespaces) }}
{{- $allowed := not (and .Values.admissionPolicy.enabled .Values.admissionPolicy.hosts) }}
{{- $require := eq (include "tidegate.proxyProtocol" .) "require" }}
{{- $own := ternary .Values.metrics.service.enabled (and $watched $allowed .Values.service.enabled) $require }}
{{- $given := and .Values.tests.url (or .Values.service.enabled .Values.tests.address) }}
{{- if and .Values.tests.enabled (ternary $given $own (ne .Values.tests.url "")) }}true{{ end }}
{{- end }}

//! The nodes for tests are real ones: pods run, and Services are reached from outside.

use tidegate_e2e::{Cluster, eventually, get};

const ECHO: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: shop, name: echo}
spec:
  replicas: 2
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      topologySpreadConstraints:
        - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: echo}}}
      containers:
        - name: echo
          image: docker.io/local/echo:1
          imagePullPolicy: Never
          env: [{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
          ports: [{containerPort: 3000}]
          readinessProbe: {httpGet: {path: /health, port: 3000}, periodSeconds: 1}
          resources: {limits: {memory: 64Mi, cpu: 500m}}
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: echo}
spec:
  type: NodePort
  selector: {app: echo}
  ports: [{port: 80, targetPort: 3000, nodePort: 30080}]
"#;

#[test]
fn pods_on_two_nodes_answer_through_node_ports_from_outside() {
    let cluster = Cluster::up(2);
    cluster.apply(ECHO);
    cluster.wait_for_rollout("shop", "deployment/echo");
    for node in [1, 2] {
        let address = (cluster.node_address(node), 30080).into();
        let ask = || get(address, "shop.example", "/what?ever").filter(|(status, _)| *status == 200);
        for (_, body) in [eventually("an answer", ask), cluster.in_outside(|| eventually("an answer outside", ask))] {
            assert!(body.contains("\"path\": \"/what?ever\"") && body.contains("\"pod\": \"echo-"), "{body}");
        }
    }
    let nodes: std::collections::BTreeSet<_> =
        cluster.list("v1", "Pod", "shop").iter().map(|pod| pod["spec"]["nodeName"].to_string()).collect();
    assert_eq!(nodes.len(), 2, "one pod on each node");
    assert!(cluster.kubectl(&["logs", "-n", "shop", "deployment/echo"]).is_empty(), "logs can be had");
    assert_eq!(cluster.helm(&["list", "--all-namespaces", "--output", "json"]).trim(), "[]");
}

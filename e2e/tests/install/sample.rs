//! The app that is served: two pods on two nodes, a Service, an Ingress with TLS, and the certificate for it. It speaks
//! HTTP/1 and, on another port of the Service and below a path of its own, gRPC.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::json;
use tidegate_e2e::{Cluster, ECHO};

/// The host of the app.
pub(crate) const HOST: &str = "shop.example.org";

/// Below it is gRPC.
pub(crate) const CALLS: &str = "/shop.Shop/";

const APP: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: shop, name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 20
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      topologySpreadConstraints:
        - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}
      containers:
        - name: web
          image: SAMPLE
          imagePullPolicy: Never
          env: [{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
          ports: [{name: http, containerPort: 3000}]
          readinessProbe: {tcpSocket: {port: http}, periodSeconds: 1}
          resources: {limits: {memory: 64Mi}}
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: web}
spec:
  selector: {app: web}
  ports:
    - {name: http, port: 80, targetPort: http}
    - {name: grpc, port: 81, targetPort: http, appProtocol: kubernetes.io/h2c}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  namespace: shop
  name: web
  annotations: {tidegate.dev/ssl-redirect: "false"}
spec:
  ingressClassName: tidegate
  tls: [{hosts: [shop.example.org], secretName: web-tls}]
  rules:
    - host: shop.example.org
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}
          - {path: CALLS, pathType: Prefix, backend: {service: {name: web, port: {name: grpc}}}}
"#;

/// An authority of the test's own, which clients trust.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Another name than that of what it signs, or clients take that for self-signed.
        params.distinguished_name.push(DnType::CommonName, "shop authority");
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a certificate") }
    }

    pub(crate) fn write(&self, file: &Path) {
        fs::write(file, self.issuer.pem()).expect("the directory is there");
    }

    /// Makes the Secret of the app anew: the certificate differs each time.
    pub(crate) fn apply_secret(&self, cluster: &Cluster) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![HOST.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"namespace": "shop", "name": "web-tls"},
            "stringData": {"tls.crt": certificate.pem(), "tls.key": key.serialize_pem()},
        });
        cluster.apply_all(vec![secret]);
    }
}

/// Deploys the app and waits for its pods.
pub(crate) fn deploy(cluster: &Cluster, authority: &Authority) {
    authority.apply_secret(cluster);
    cluster.apply(&APP.replace("SAMPLE", ECHO).replace("CALLS", CALLS));
    cluster.wait_for_rollout("shop", "deployment/web");
}

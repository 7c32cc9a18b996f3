//! What the migrated cases share. Inputs and expectations of the `migrated_…` modules are those of ingress2gateway's
//! end-to-end tests for ingress-nginx. Names of their tests say the behaviour and begin with `i2g_`.

use serde_json::{Value, json};

use crate::support::h2::{H2Answer, H2Client, run};
use crate::support::tls::{Hello, TlsClient};
use crate::support::{Manifests, Message, Pod, Tidegate, get};

/// An Ingress with one rule. It begins as one for all paths of its host, without annotations and without TLS.
#[derive(Clone, Debug)]
pub(crate) struct Ingress<'a> {
    name: &'a str,
    host: &'a str,
    path: &'a str,
    path_type: &'a str,
    service: &'a str,
    annotations: Vec<(&'a str, &'a str)>,
    has_tls: bool,
}

impl<'a> Ingress<'a> {
    pub(crate) fn new(name: &'a str, host: &'a str) -> Self {
        Self { name, host, path: "/", path_type: "Prefix", service: "app1", annotations: Vec::new(), has_tls: false }
    }

    pub(crate) fn at(self, path: &'a str) -> Self {
        Self { path, ..self }
    }

    pub(crate) fn of_type(self, path_type: &'a str) -> Self {
        Self { path_type, ..self }
    }

    pub(crate) fn to(self, service: &'a str) -> Self {
        Self { service, ..self }
    }

    /// One more annotation, with the key as it is behind the prefix of ingress-nginx.
    pub(crate) fn with(mut self, key: &'a str, value: &'a str) -> Self {
        self.annotations.push((key, value));
        self
    }

    /// A TLS entry for the host, whose certificate is there.
    pub(crate) fn tls(self) -> Self {
        Self { has_tls: true, ..self }
    }
}

/// A server with two pods, `app1` and `app2`, that answer with their names.
pub(crate) struct Site {
    pub(crate) pods: [Pod; 2],
    pub(crate) server: Tidegate,
}

impl Site {
    /// Serves these Ingresses as the profile has it. Nothing of them is a problem.
    pub(crate) fn serve(ingresses: &[Ingress<'_>]) -> Self {
        let pods = ["app1", "app2"].map(Pod::named);
        let mut manifests = Manifests::new().service("app1", &[pods[0].address]).service("app2", &[pods[1].address]);
        let mut certified: Vec<_> = ingresses.iter().filter(|one| one.has_tls).map(|one| one.host).collect();
        certified.sort_unstable();
        certified.dedup();
        for host in certified {
            manifests = manifests.certificate(host, &[host]);
        }
        for one in ingresses {
            let annotations: Value = one
                .annotations
                .iter()
                .map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value)))
                .collect();
            let tls = if one.has_tls { json!([{"hosts": [one.host], "secretName": one.host}]) } else { json!([]) };
            let paths = [(one.path, one.path_type, one.service)];
            manifests = manifests.ingress_with(one.name, Some(one.host), &paths, annotations, tls);
        }
        let server = Tidegate::serve_with(&manifests, &["--profile", "ingress-nginx"]);
        let problems = server.admin("/debug/problems?format=text").text();
        assert_eq!(problems, "");
        Self { pods, server }
    }

    /// The answer in clear.
    #[track_caller]
    pub(crate) fn plain(&self, host: &str, target: &str) -> Message {
        self.server.ask(get(host, target))
    }

    /// The answer over https, with HTTP/2 as clients choose it, behind the certificate of the host.
    #[track_caller]
    pub(crate) fn https(&self, host: &str, target: &str) -> H2Answer {
        let mut answer = None;
        run(async {
            let tls = TlsClient::connect(self.server.https, host, &Hello::of("h2")).await.expect("a handshake");
            assert_eq!(tls.names(), [host]);
            let client = H2Client::over(tls, "https", &h2::client::Builder::new()).await;
            answer = Some(client.get(host, target).await);
        });
        answer.expect("an answer")
    }

    /// In clear the pod answers.
    #[track_caller]
    pub(crate) fn expect_served_in_clear(&self, host: &str, target: &str) {
        let answer = self.plain(host, target);
        assert_eq!((answer.status(), answer.text().as_str()), (200, "app1"), "{host}{target}");
    }

    /// Over https the pod answers.
    #[track_caller]
    pub(crate) fn expect_served_over_https(&self, host: &str, target: &str) {
        let answer = self.https(host, target);
        assert_eq!((answer.status, answer.text().as_str()), (200, "app1"), "{host}{target}");
    }

    /// In clear clients are sent to the same over https.
    #[track_caller]
    pub(crate) fn expect_sent_to_https(&self, host: &str, target: &str) {
        let answer = self.plain(host, target);
        let expected = format!("https://{host}{target}");
        assert_eq!(answer.status(), 308, "{host}{target}");
        assert_eq!(answer.field("location"), Some(expected.trim_end_matches('/')));
    }
}

//! Only the Secrets that values name may be read; certificates are served and rotate all the same.

use tidegate_e2e::eventually;

use crate::client::Curl;
use crate::sample::{Authority, HOST};
use crate::story::{HTTPS, Story};

/// Changes the mode, looks at the rights, and rotates the certificate: clients that trust the new authority only are
/// content on each node.
pub(crate) fn by_name(story: &Story) {
    story.helm("upgrade", "one", &["secrets.access=names", "secrets.names.shop={web-tls}"]);
    story.settle();
    let account = "system:serviceaccount:tidegate:tidegate";
    for (namespace, expected) in [("shop", vec!["[web-tls]"]), ("tidegate", vec![]), ("default", vec![])] {
        let list = story.cluster.kubectl(&["auth", "can-i", "--list", "--as", account, "-n", namespace]);
        let secrets = list.lines().filter(|line| line.starts_with("secrets ") || line.starts_with("*.* "));
        let names: Vec<_> = secrets.map(|line| line.split_whitespace().nth(2).unwrap_or_default()).collect();
        assert_eq!(names, expected, "{namespace}: {list}");
    }
    let is_served = |trust: &std::path::Path| {
        let ask = |node| Curl::new(&story.cluster, trust).get(&format!("https://{HOST}/"), story.node(node, HTTPS));
        [1, 2].into_iter().all(|node| ask(node).status == 200)
    };
    eventually("the certificate is served", || is_served(&story.trust).then_some(()));
    let another = Authority::new();
    let trust = story.cluster.run().directory().join("another-ca.pem");
    another.write(&trust);
    assert!(!is_served(&trust), "nobody else's certificate is served yet");
    another.apply_secret(&story.cluster);
    eventually("the new certificate is served", || is_served(&trust).then_some(()));
    story.authority.apply_secret(&story.cluster);
    eventually("the first authority's is served again", || is_served(&story.trust).then_some(()));
    story.say("Secrets by name: no other Secret may be read, TLS works and rotates");
    story.helm("upgrade", "one", &[]);
    story.settle();
}

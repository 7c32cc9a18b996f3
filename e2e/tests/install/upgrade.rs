//! Upgrades while clients ask without a pause: no request may fail.

use tokio::time::Instant;

use crate::balancer::{Balancer, Profile};
use crate::load::Load;
use crate::story::Story;

/// Values change, then the image, then the number of pods, then their kind.
pub(crate) fn run(story: &mut Story) {
    let balancer = Balancer::start(story, 13, Profile::Cluster);
    let load = Load::start(story, balancer.http(), balancer.https());
    for (what, tag, values) in [
        ("other values", "one", &["accessLog=common"][..]),
        ("another image", "two", &[]),
        ("three replicas", "two", &["replicaCount=3"]),
        ("a DaemonSet", "two", &["kind=DaemonSet"]),
    ] {
        let (begun, before) = (Instant::now(), load.asked());
        story.helm("upgrade", tag, values);
        let (seconds, asked) = (begun.elapsed().as_secs_f64(), load.asked() - before);
        story.say(&format!("helm upgrade to {what}: {seconds:.1} s, {asked} requests meanwhile"));
    }
    let test = story.cluster.helm(&["test", "tidegate", "--namespace", "tidegate"]);
    assert!(test.contains("Phase:          Succeeded"), "{test}");
    let seen = load.stop();
    assert!(
        seen.failed.is_empty(),
        "{} of {} failed, the first {:#?}",
        seen.failed.len(),
        seen.requests,
        &seen.failed[..seen.failed.len().min(10)]
    );
    story.say(&format!(
        "helm test passed; under load: {} requests on {} connections, {} WebSocket messages, 0 failed",
        seen.requests, seen.connections, seen.messages
    ));
}

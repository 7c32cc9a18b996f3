//! Upgrades while clients ask without a pause: no request may fail.

use tokio::time::Instant;

use crate::load::Load;
use crate::story::Story;

/// Values change, then the image, then the number of pods, then their kind.
pub(crate) fn run(story: &Story, load: &Load) {
    for (what, tag, values) in [
        ("other values", "one", &["accessLog=common"][..]),
        ("another image", "two", &[]),
        ("three replicas", "two", &["replicaCount=3"]),
        ("a DaemonSet", "two", &["kind=DaemonSet"]),
    ] {
        let (begun, before) = (Instant::now(), load.asked());
        story.helm("upgrade", tag, values);
        let (seconds, asked) = (begun.elapsed().as_secs_f64(), load.asked() - before);
        load.expect_no_failure(what);
        story.say(&format!("helm upgrade to {what}: {seconds:.1} s, {asked} requests meanwhile"));
    }
    let test = story.cluster.helm(&["test", "tidegate", "--namespace", "tidegate"]);
    assert!(test.contains("Phase:          Succeeded"), "{test}");
    story.say("helm test passed");
}

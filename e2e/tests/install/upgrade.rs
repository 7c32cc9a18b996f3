//! Upgrades while clients ask without a pause: no request may fail.

use tidegate_e2e::eventually;
use tokio::time::Instant;

use crate::build;
use crate::figures;
use crate::load::Load;
use crate::story::Story;

/// Values change, then the image (to another version), then the number of pods, then their kind.
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
        assert!(asked > 0, "nobody asked anything during the upgrade to {what}");
        expect_version(story, tag);
        story.say(&format!("helm upgrade to {what}: {seconds:.1} s, {asked} requests meanwhile"));
    }
    let test = story.cluster.helm(&["test", "tidegate", "--namespace", "tidegate"]);
    assert!(test.contains("Phase:          Succeeded"), "{test}");
    story.say("helm test passed");
}

/// Waits until all pods that are not ending run the version of the tag: helm waits for new pods, not for the last old
/// one to be told to end.
fn expect_version(story: &Story, tag: &str) {
    let expected = format!("tidegate_build_info{{version=\"{}\"}} 1", build::version(tag));
    eventually("all pods tell the version", || {
        let pods = story.list("v1", "Pod", "tidegate");
        let staying = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let mut metrics = staying.map(|pod| figures::metrics(story, pod["metadata"]["name"].as_str()?));
        let is_told = |metrics: Option<String>| metrics.is_some_and(|text| text.lines().any(|line| line == expected));
        metrics.all(is_told).then_some(())
    });
}

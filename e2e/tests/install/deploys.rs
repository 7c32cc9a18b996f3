//! Deploys of the application while clients ask without a pause: no request may fail.

use std::collections::BTreeSet;

use tidegate_e2e::eventually;
use tokio::time::Instant;

use crate::load::Load;
use crate::story::Story;

/// What many put into their pods, so that controllers and proxies turn away before the application ends.
const PRE_STOP: &str = r#"{"spec": {"template": {"spec": {"containers": [{"name": "web", "lifecycle": {"preStop": {"sleep": {"seconds": 3}}}}]}}}}"#;

/// Each pod is replaced, without and with a preStop hook; then two of three go and come back.
pub(crate) fn run(story: &Story, load: &Load) {
    scale(story, 3);
    load.expect_no_failure("a scale to 3");
    // The pods that end are those from before the patch, so without the hook: at SIGTERM the application closes kept
    // connections, and whether it has begun with a POST that arrives on one at that moment nobody can tell.
    step(story, load, "new pods, old ones end at SIGTERM", || {
        load.without_uploads(|| {
            story.cluster.kubectl(&["patch", "-n", "shop", "deployment/web", "--patch", PRE_STOP]);
            replaced(story);
        });
    });
    step(story, load, "new pods, old ones end after preStop", || {
        story.cluster.kubectl(&["rollout", "restart", "-n", "shop", "deployment/web"]);
        replaced(story);
    });
    step(story, load, "3 pods to 1", || scale(story, 1));
    step(story, load, "1 pod to 3", || scale(story, 3));
}

fn step(story: &Story, load: &Load, what: &str, change: impl FnOnce()) {
    let (begun, before) = (Instant::now(), load.asked());
    change();
    load.expect_no_failure(what);
    let (seconds, asked) = (begun.elapsed().as_secs_f64(), load.asked() - before);
    assert!(asked > 0, "nobody asked anything during the deploy {what}");
    story.say(&format!("deploy of the app, {what}: {seconds:.1} s, {asked} requests meanwhile, 0 failed"));
}

/// Waits until so many pods are ready and the others are gone.
fn scale(story: &Story, replicas: usize) {
    story.cluster.kubectl(&["scale", "-n", "shop", "deployment/web", &format!("--replicas={replicas}")]);
    story.cluster.wait_for_rollout("shop", "deployment/web");
    eventually("pods beyond the number are gone", || (pods(story).len() == replicas).then_some(()));
}

/// Waits until the rollout under way is complete, with other pods than now and those gone.
fn replaced(story: &Story) {
    story.cluster.wait_for_rollout("shop", "deployment/web");
    let replica_sets = story.list("apps/v1", "ReplicaSet", "shop");
    let newest = replica_sets.iter().max_by_key(|set| {
        let revision = set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str();
        revision.and_then(|number| number.parse::<u32>().ok())
    });
    let newest = newest.and_then(|set| set["metadata"]["name"].as_str()).expect("the Deployment has ReplicaSets");
    eventually("pods of before are gone", || {
        let pods = pods(story);
        (pods.len() == 3 && pods.iter().all(|pod| pod.starts_with(newest))).then_some(())
    });
}

/// Names of the app's pods, also of those that are ending.
fn pods(story: &Story) -> BTreeSet<String> {
    let pods = story.list("v1", "Pod", "shop");
    pods.iter().filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned)).collect()
}

//! What a pod takes as installed.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::story::Story;

/// Prints of each pod how long it took to be ready, by its own log, and its memory while idle.
pub(crate) fn print(story: &Story) {
    for pod in story.list("v1", "Pod", "tidegate") {
        let name = pod["metadata"]["name"].as_str().expect("a pod has a name");
        let logs = story.cluster.kubectl(&["-n", "tidegate", "logs", name]);
        let lines: Vec<Value> = logs.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let time = |line: &Value| -> f64 {
            let time: Timestamp = line["timestamp"].as_str().and_then(|text| text.parse().ok()).expect("a time");
            time.as_duration().as_secs_f64()
        };
        let ready = lines.iter().find(|line| line["message"] == "ready").map(time).expect("it is ready");
        let first = lines.first().map(time).expect("it logs");
        let metrics = metrics(story, name).expect("the pod answers");
        let metric = |name: &str| -> f64 {
            let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            value.and_then(|value| value.parse().ok()).expect("the metric is there")
        };
        let node = pod["spec"]["nodeName"].as_str().expect("it is on a node");
        let stats = story.raw(&format!("/api/v1/nodes/{node}/proxy/stats/summary")).expect("the kubelet answers");
        let stats: Value = serde_json::from_str(&stats).expect("JSON");
        let mut pods = stats["pods"].as_array().into_iter().flatten();
        let stats = pods.find(|one| one["podRef"]["name"] == name).map(|one| &one["containers"][0]["memory"]);
        let working_set = stats.and_then(|memory| memory["workingSetBytes"].as_f64()).unwrap_or(f64::NAN);
        story.say(&format!(
            "{name}: ready {:.0} ms after its first line of log, {:.2} s after its process began; idle: {:.1} MB resident \
             with the program's pages, working set {:.1} MB",
            (ready - first) * 1e3,
            ready - metric("process_start_time_seconds"),
            metric("process_resident_memory_bytes") / 1e6,
            working_set / 1e6,
        ));
    }
}

/// The metrics of a pod, through the API server; nothing when it does not answer.
pub(crate) fn metrics(story: &Story, pod: &str) -> Option<String> {
    story.raw(&format!("/api/v1/namespaces/tidegate/pods/{pod}:9090/proxy/metrics"))
}

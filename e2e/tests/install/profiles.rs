//! The three ways of docs/aws-nlb.md to stand behind a network load balancer, and whose address arrives at the pod.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use tidegate_e2e::eventually;

use crate::balancer::{Balancer, Profile, forward};
use crate::client::{Answer, WebSocket};
use crate::sample::HOST;
use crate::story::{HEALTH, Story};

/// The client's address outside, and the one that leads to nodes with the client's address kept.
const CLIENT: u8 = 20;
const KEEPING: u8 = 70;

/// Each profile with a fresh balancer.
pub(crate) fn run(story: &mut Story) {
    let client = story.cluster.add_outside_address(CLIENT).expect("an address");
    address_is_lost_in_profile_cluster(story, client);
    address_is_kept_in_profile_local(story, client);
    address_is_told_in_profile_proxy(story, client);
}

/// Asks over http, https, HTTP/2 and a WebSocket; the client addresses that the pods were told.
fn ask(story: &Story, client: Ipv4Addr, http: SocketAddr, https: SocketAddr) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    let answers = [
        ("1.1", story.curl().from(client).get(&format!("http://{HOST}/"), http)),
        ("1.1", story.curl().from(client).with(&["--http1.1"]).get(&format!("https://{HOST}/"), https)),
        ("2", story.curl().from(client).with(&["--http2"]).get(&format!("https://{HOST}/"), https)),
        ("2", story.curl().from(client).with(&["--http2-prior-knowledge"]).get(&format!("http://{HOST}/"), http)),
    ];
    for (version, answer) in answers {
        assert!(answer.status == 200 && answer.version == version, "HTTP/{version}: {answer:?}");
        told.insert(address_told(&answer));
    }
    let mut socket = story.cluster.in_outside(|| WebSocket::open(http)).expect("a WebSocket");
    assert_eq!(socket.ask("hello").expect("an answer"), "hello");
    told
}

/// The client's address arrives each time, once the nodes have heard of the change.
fn arrives(story: &Story, client: Ipv4Addr, http: SocketAddr, https: SocketAddr) {
    let expected = BTreeSet::from([client.to_string()]);
    eventually("the client's address arrives", || (ask(story, client, http, https) == expected).then_some(()));
    for _ in 0..4 {
        assert_eq!(ask(story, client, http, https), expected);
    }
}

fn address_told(answer: &Answer) -> String {
    let told = answer.seen("X-Forwarded-For").unwrap_or_else(|| panic!("no X-Forwarded-For: {answer:?}"));
    assert_eq!(answer.seen("X-Real-Ip").as_ref(), Some(&told), "{answer:?}");
    told
}

fn address_is_lost_in_profile_cluster(story: &Story, client: Ipv4Addr) {
    let balancer = Balancer::start(story, 10, Profile::Cluster);
    let told = ask(story, client, balancer.http(), balancer.https());
    // What kube-proxy made of it: an address of a node, in its own network or in that of its pods.
    let nodes = node_addresses(story);
    assert!(told.is_subset(&nodes), "{told:?} are not of {nodes:?}");
    story.say(&format!(
        "profile A (cluster): http, https, h2, h2c, WebSocket; pods see a node ({told:?}), not the client"
    ));
}

fn address_is_kept_in_profile_local(story: &Story, client: Ipv4Addr) {
    story.helm("upgrade", "one", &["loadBalancer.profile=local"]);
    let keeping = Ipv4Addr::from((u32::from(client) & !0xff) | u32::from(KEEPING));
    forward(story, keeping.into());
    arrives(story, client, (keeping, 80).into(), (keeping, 443).into());
    // One pod: its node answers health checks, the other does not, and the balancer uses the first alone.
    let balancer = Balancer::start(story, 11, Profile::Local);
    story.helm("upgrade", "one", &["loadBalancer.profile=local", "replicaCount=1"]);
    let healthy = || -> Vec<u8> {
        let is_healthy = |node: &u8| {
            story.curl().with(&["--max-time", "1"]).get("http://any/readyz", story.node(*node, HEALTH)).status == 200
        };
        [1, 2].into_iter().filter(is_healthy).collect()
    };
    eventually("one node is healthy", || (healthy().len() == 1).then_some(()));
    eventually("the balancer uses it alone", || {
        let answers = (0..8).map(|_| story.curl().get(&format!("http://{HOST}/"), balancer.http()).status);
        answers.into_iter().all(|status| status == 200).then_some(())
    });
    story.say("profile B (local): the client's address arrives; nodes without a pod fail the health check");
}

fn address_is_told_in_profile_proxy(story: &Story, client: Ipv4Addr) {
    let trusted: Vec<_> = node_addresses(story).into_iter().map(|address| format!("{address}/32")).collect();
    let trusted = format!("trustedProxies={{{}}}", trusted.join(","));
    story.helm("upgrade", "one", &["loadBalancer.profile=proxy", &trusted]);
    // Old pods do not know the PROXY protocol: the balancer begins to speak it when they are gone.
    story.settle();
    let balancer = Balancer::start(story, 12, Profile::Proxy);
    arrives(story, client, balancer.http(), balancer.https());
    for more in [&[][..], &["--haproxy-protocol"]] {
        let answer = story.curl().with(more).get("http://any/readyz", story.node(1, HEALTH));
        assert_eq!(answer.status, 200, "{more:?}: {answer:?}");
    }
    story.say("profile C (proxy): the client's address arrives by PROXY v2, health checks with it pass");
    story.helm("upgrade", "one", &[]);
    story.settle();
}

/// Addresses that kube-proxy may put in the place of a client's.
fn node_addresses(story: &Story) -> BTreeSet<String> {
    let of_pods = [1, 2].map(|node| format!("10.244.{node}.1"));
    [1, 2].map(|node| story.cluster.node_address(node).to_string()).into_iter().chain(of_pods).collect()
}

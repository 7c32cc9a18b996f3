//! Lasting faults of the API server or of the network to it: silence, slowness, disorder, and credentials that end. Time is
//! the runtime's, which goes on by itself when nothing else is to be done.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::connect::PROBE_AFTER;
use super::super::failure::Reason;
use super::super::{Access, SecretAccess};
use super::fake::{Answer, DEADLINE, Followed, expired, ingress, line, list};
use crate::model::ObjectKind;
use crate::source::{Connection, Event};

const HOUR: Duration = Duration::from_secs(3600);

fn bookmark(version: u64) -> String {
    line("BOOKMARK", &json!({"kind": "Ingress", "metadata": {"resourceVersion": version.to_string()}}))
}

fn late(seconds: u64, answer: Answer) -> Answer {
    Answer::Late(Duration::from_secs(seconds), Box::new(answer))
}

fn up(kind: ObjectKind) -> Event {
    Event::Connected(kind, Connection::Up)
}

/// Waits until this kind is reported as not followed. Returns since when.
async fn lost(followed: &mut Followed, kind: ObjectKind) -> Instant {
    loop {
        match followed.next().await {
            Event::Connected(of, Connection::Down(since)) if of == kind => return since,
            Event::Connected(_, Connection::Up | Connection::Down(_))
            | Event::Change(..)
            | Event::Resolved(..)
            | Event::Problems(_)
            | Event::Listed
            | Event::Synced => {}
        }
    }
}

/// A watch of Ingresses that says this and then nothing more, on a connection that stays open.
async fn silent_after(lines: Vec<String>) -> Followed {
    let mut followed = Followed::start(SecretAccess::Cluster, move |asked| {
        match (asked.resource.as_str(), asked.is_watch, asked.nth) {
            ("ingresses", false, 0) => Some(Answer::Body(list(&[ingress("a", "1"), ingress("b", "2")], "10", ""))),
            ("ingresses", true, 0) => Some(Answer::Open(lines.clone())),
            ("ingresses", false, _) => Some(Answer::Body(list(&[ingress("b", "2"), ingress("c", "12")], "20", ""))),
            _ => None,
        }
    })
    .await;
    followed.patience = HOUR;
    followed.until(|event, _| *event == up(ObjectKind::Ingress)).await;
    followed
}

#[tokio::test(start_paused = true)]
async fn f06_a_watch_whose_bookmarks_cease_is_given_up_and_what_it_missed_is_listed() {
    let mut followed = silent_after(vec![bookmark(11)]).await;
    let heard = Instant::now();
    let since = lost(&mut followed, ObjectKind::Ingress).await;
    let took = heard.elapsed();
    assert!((80..100).contains(&took.as_secs()), "noticed after {took:?}");
    assert!(since.duration_since(heard) < Duration::from_secs(1), "the age counts from the last bookmark");
    let text = followed.metrics.render();
    assert!(text.contains("tidegate_watch_errors_total{kind=\"Ingress\",reason=\"timeout\"} 1"), "{text}");
    assert!(text.contains("tidegate_watch_connected{kind=\"Ingress\"} 0"), "{text}");
    // Those that were silent from the beginning have not given up yet.
    assert!(!text.contains("tidegate_watch_errors_total{kind=\"Service\""), "{text}");
    let noticed = Instant::now();
    followed.until(|event, _| *event == up(ObjectKind::Ingress)).await;
    assert!(noticed.elapsed() < Duration::from_secs(1), "followed again after {:?}", noticed.elapsed());
    assert_eq!(followed.objects.keys().collect::<Vec<_>>(), ["Ingress shop/b", "Ingress shop/c"]);
    assert_eq!(followed.asked("ingresses", false).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn f06_a_watch_that_never_says_anything_is_given_up_after_its_own_end() {
    let mut followed = silent_after(Vec::new()).await;
    let heard = Instant::now();
    lost(&mut followed, ObjectKind::Ingress).await;
    let took = heard.elapsed();
    assert!((250..=320).contains(&took.as_secs()), "noticed after {took:?}");
    followed.until(|event, _| *event == up(ObjectKind::Ingress)).await;
    assert_eq!(followed.objects.keys().collect::<Vec<_>>(), ["Ingress shop/b", "Ingress shop/c"]);
}

#[tokio::test(start_paused = true)]
async fn f06_bookmarks_once_a_minute_are_signs_of_life_enough() {
    let (lines, live) = mpsc::unbounded_channel();
    let live = Mutex::new(Some(live));
    let mut followed =
        Followed::start(SecretAccess::Cluster, move |asked| match (asked.resource.as_str(), asked.is_watch) {
            ("ingresses", true) => live.lock().unwrap().take().map(Answer::Live),
            _ => None,
        })
        .await;
    followed.patience = HOUR;
    followed.until_synced().await;
    followed.until(|event, _| *event == up(ObjectKind::Ingress)).await;
    for _ in 0..60 {
        // The same version each time, as an idle server tells it; the last one of the first minute is late.
        lines.send(bookmark(11)).unwrap();
        tokio::time::sleep(Duration::from_secs(63)).await;
    }
    assert_eq!(followed.asked("ingresses", true).len(), 1);
    assert_eq!(followed.asked("ingresses", false).len(), 1);
}

#[tokio::test]
async fn f06_the_kernel_probes_connections_on_which_nothing_happens() {
    let mut followed = Followed::start(SecretAccess::Cluster, |_| None).await;
    followed.until(|event, _| *event == up(ObjectKind::Ingress)).await;
    // Local and remote address, state, queues, and the timer: 2 is that of probes, in hundredths of a second.
    let server = format!("0100007F:{:04X}", followed.address.port());
    let is_probed = |line: &str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let is_ours = columns[2] == server && columns[3] == "01";
        let (timer, due) = columns[5].split_once(':').unwrap();
        let due = Duration::from_millis(u64::from_str_radix(due, 16).unwrap() * 10);
        is_ours.then_some(timer == "02" && due <= PROBE_AFTER)
    };
    let all_are = async {
        loop {
            let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
            let ours: Vec<bool> = table.lines().skip(1).filter_map(is_probed).collect();
            // Requests that are under way have another timer.
            if ours.len() >= 5 && ours.iter().all(|is_probed| *is_probed) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, all_are)
        .await
        .expect("a watch of each of five kinds, on connections that are probed");
}

#[tokio::test(start_paused = true)]
async fn f07_lists_that_take_half_a_minute_are_waited_for_and_asked_once() {
    let all = || list(&[ingress("a", "1"), ingress("b", "2")], "10", "");
    let (ending, ended) = mpsc::unbounded_channel();
    let ended = Mutex::new(Some(ended));
    let mut followed = Followed::start(SecretAccess::Cluster, move |asked| {
        match (asked.resource.as_str(), asked.is_watch, asked.nth) {
            ("ingresses", false, _) => Some(late(30, Answer::Body(all()))),
            ("ingresses", true, 0) => ended.lock().unwrap().take().map(Answer::Live),
            ("ingresses", true, 1) => Some(late(30, Answer::Open(Vec::new()))),
            _ => None,
        }
    })
    .await;
    followed.patience = HOUR;
    let started = Instant::now();
    followed.until_synced().await;
    assert!((30..32).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    followed.until(|event, _| *event == up(ObjectKind::Ingress)).await;
    assert!(!followed.metrics.render().contains("tidegate_watch_errors_total{kind=\"Ingress\""));

    // The same while its objects are in force: they stay, and missed changes are reported.
    ending.send(expired()).unwrap();
    drop(ending);
    let ended = Instant::now();
    let since = lost(&mut followed, ObjectKind::Ingress).await;
    assert!(since.duration_since(ended) < Duration::from_secs(1));
    assert!((4..7).contains(&ended.elapsed().as_secs()), "told after {:?}", ended.elapsed());
    followed.until(|event, _| *event == up(ObjectKind::Ingress)).await;
    assert!((59..62).contains(&ended.elapsed().as_secs()), "followed after {:?}", ended.elapsed());
    assert!(followed.removals.is_empty());
    assert_eq!(followed.objects.len(), 2);
    assert_eq!((followed.asked("ingresses", false).len(), followed.lists_at_once("ingresses")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn f07_a_list_that_takes_forever_is_asked_again_but_never_twice_at_once() {
    let mut followed = Followed::start(SecretAccess::Cluster, move |asked| {
        match (asked.resource.as_str(), asked.is_watch, asked.nth) {
            ("ingresses", false, 0) => Some(Answer::Body(list(&[ingress("a", "1")], "10", ""))),
            ("ingresses", true, 0) => Some(Answer::Lines(vec![expired()])),
            ("ingresses", false, 1..8) => Some(late(7 * 60, Answer::Body(list(&[], "10", "")))),
            ("ingresses", false, _) => Some(Answer::Body(list(&[ingress("a", "1")], "20", ""))),
            _ => None,
        }
    })
    .await;
    followed.patience = HOUR;
    let started = Instant::now();
    followed.until(|_, followed| followed.objects.get("Ingress shop/a") == Some(&2)).await;
    // A minute for each, and pauses of at most five seconds.
    assert!((420..460).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert!(followed.removals.is_empty());
    assert_eq!((followed.asked("ingresses", false).len(), followed.lists_at_once("ingresses")), (9, 1));
}

#[tokio::test(start_paused = true)]
async fn f07_pages_that_expire_before_the_last_is_read_are_asked_for_as_a_whole() {
    let mut followed =
        Followed::start(SecretAccess::Cluster, move |asked| match (asked.resource.as_str(), asked.is_watch) {
            ("ingresses", false) if asked.query.contains("continue=") => Some(late(30, Answer::Status(410, ""))),
            ("ingresses", false) if asked.query.contains("limit=") => {
                Some(late(30, Answer::Body(list(&[ingress("a", "1")], "10", "more"))))
            }
            ("ingresses", false) => {
                Some(late(30, Answer::Body(list(&[ingress("a", "1"), ingress("b", "2")], "20", ""))))
            }
            _ => None,
        })
        .await;
    followed.patience = HOUR;
    followed.until_synced().await;
    assert_eq!(followed.objects.keys().collect::<Vec<_>>(), ["Ingress shop/a", "Ingress shop/b"]);
    assert_eq!(followed.asked("ingresses", false).len(), 3);
}

#[tokio::test]
async fn f09_the_end_of_something_older_does_not_end_what_is_new() {
    let mut followed = Followed::start(SecretAccess::Cluster, move |asked| {
        match (asked.resource.as_str(), asked.is_watch, asked.nth) {
            ("ingresses", false, 0) => Some(Answer::Body(list(&[ingress("a", "5")], "10", ""))),
            ("ingresses", true, 0) => Some(Answer::Open(vec![
                line("DELETED", &ingress("a", "11")),
                line("ADDED", &ingress("a", "12")),
                line("ADDED", &ingress("b", "13")),
                line("DELETED", &ingress("a", "11")),
            ])),
            ("ingresses", false, _) => Some(Answer::Body(list(&[ingress("a", "12"), ingress("b", "13")], "14", ""))),
            _ => None,
        }
    })
    .await;
    followed.until(|_, followed| followed.objects.get("Ingress shop/b") == Some(&2)).await;
    assert_eq!(followed.removals, ["Ingress shop/a"]);
    assert!(followed.metrics.render().contains("tidegate_watch_relists_total{kind=\"Ingress\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn f08_lists_of_garbage_are_told_as_a_loss_until_one_can_be_read() {
    let mut followed = Followed::start(SecretAccess::Cluster, move |asked| {
        match (asked.resource.as_str(), asked.is_watch, asked.nth) {
            ("ingresses", false, 0) => Some(Answer::Body(list(&[ingress("a", "1")], "10", ""))),
            ("ingresses", true, 0) => Some(Answer::Lines(vec![expired()])),
            ("ingresses", false, 1..9) => Some(Answer::Body("<html>come back later</html>".into())),
            ("ingresses", false, _) => Some(Answer::Body(list(&[ingress("a", "1")], "20", ""))),
            _ => None,
        }
    })
    .await;
    followed.patience = HOUR;
    lost(&mut followed, ObjectKind::Ingress).await;
    followed.until(|event, _| *event == up(ObjectKind::Ingress)).await;
    assert!(followed.removals.is_empty());
    assert_eq!(followed.asked("ingresses", false).len(), 10);
}

#[tokio::test(start_paused = true)]
async fn f08_watches_that_end_at_once_are_not_opened_ever_faster() {
    let mut followed = Followed::start(SecretAccess::Cluster, move |asked| {
        (asked.resource == "ingresses" && asked.is_watch).then(|| Answer::Lines(vec![bookmark(11)]))
    })
    .await;
    followed.patience = HOUR;
    followed.until_synced().await;
    let started = Instant::now();
    for _ in 0..20 {
        lost(&mut followed, ObjectKind::Ingress).await;
    }
    // Pauses double up to 20 s, each half chance.
    assert!(started.elapsed() > Duration::from_secs(100), "{:?}", started.elapsed());
    assert!(followed.asked("ingresses", true).len() <= 25);
}

/// A source of numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

const RESOURCES: [&str; 4] = ["ingresses", "services", "endpointslices", "secrets"];
const KINDS: [&str; 4] = ["Ingress", "Service", "EndpointSlice", "Secret"];

/// Events of one kind, as they should be, and what stands in the end: versions by name.
fn history(dice: &mut Dice, version: &mut u64) -> (Vec<String>, BTreeMap<String, Value>) {
    let (mut events, mut standing) = (Vec::new(), BTreeMap::new());
    for _ in 0..30 {
        *version += 1;
        let name = ["a", "b", "c", "d"][dice.below(4)];
        let mut object = ingress(name, &version.to_string());
        // What each of the four kinds shows of its version.
        let mark = format!("v{version}.example");
        object["metadata"]["labels"] = json!({"kubernetes.io/service-name": mark});
        object["spec"] = json!({"rules": [{"host": mark}], "type": "ExternalName", "externalName": mark});
        object["type"] = mark.into();
        if standing.remove(name).is_some() && dice.below(3) == 0 {
            events.push(line("DELETED", &object));
        } else {
            events.push(line(["ADDED", "MODIFIED"][dice.below(2)], &object));
            standing.insert(name.to_owned(), object);
        }
    }
    (events, standing)
}

/// Repeats some, brings some forward, and brings some again that are long past.
fn disturb(dice: &mut Dice, events: Vec<String>) -> Vec<String> {
    let mut disturbed: Vec<String> = Vec::new();
    for event in events {
        disturbed.push(event);
        let last = disturbed.len() - 1;
        match dice.below(8) {
            0 | 1 => disturbed.push(disturbed[last].clone()),
            2 => disturbed.push(disturbed[dice.below(disturbed.len())].clone()),
            3 => disturbed.swap(last, last.saturating_sub(1)),
            _ => {}
        }
    }
    disturbed
}

#[tokio::test(start_paused = true)]
async fn f09_events_repeated_reordered_and_stale_come_to_what_the_server_holds() {
    for seed in 0..24 {
        let mut dice = Dice(seed);
        let mut version = 10;
        let kinds: Vec<_> = RESOURCES
            .map(|resource| {
                let (events, standing) = history(&mut dice, &mut version);
                (resource, disturb(&mut dice, events), standing)
            })
            .into();
        let script = kinds.clone();
        // What stands at the end is what every list tells; a watch that ends goes on with the rest of the events.
        let rest: Mutex<BTreeMap<&str, Vec<String>>> =
            Mutex::new(kinds.iter().map(|(resource, events, _)| (*resource, events.clone())).collect());
        let mut followed = Followed::start(SecretAccess::Cluster, move |asked| {
            let (resource, _, standing) = script.iter().find(|(resource, ..)| *resource == asked.resource)?;
            if !asked.is_watch && asked.nth == 0 {
                return Some(Answer::Body(list(&[], "10", "")));
            }
            if !asked.is_watch {
                let all: Vec<_> = standing.values().cloned().collect();
                return Some(Answer::Body(list(&all, "1000", "")));
            }
            match rest.lock().unwrap().remove(resource) {
                Some(mut events) => {
                    events.push(line("BOOKMARK", &json!({"metadata": {"resourceVersion": "1000"}})));
                    Some(Answer::Open(events))
                }
                None => Some(Answer::Open(Vec::new())),
            }
        })
        .await;
        followed.patience = HOUR;
        followed.until_synced().await;
        // Until all is quiet: 80 s without an event, before silence is taken for a fault.
        followed.patience = Duration::from_secs(80);
        while let Ok(Some(event)) = tokio::time::timeout(followed.patience, followed.events.recv()).await {
            followed.took(&event);
        }
        let mut expected = BTreeMap::new();
        for (resource, _, standing) in &kinds {
            let kind = KINDS[RESOURCES.iter().position(|known| known == resource).unwrap()];
            for (name, object) in standing {
                expected.insert(format!("{kind} shop/{name}"), object["type"].as_str().unwrap());
            }
        }
        assert_eq!(followed.standing.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "seed {seed}");
        for (name, change) in &followed.standing {
            let found = format!("{change:?}");
            assert!(found.contains(expected[name]), "seed {seed}: {name} is {found}, not {}", expected[name]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn f15_after_a_refusal_the_next_request_has_the_new_token() {
    let (ending, ended) = mpsc::unbounded_channel::<String>();
    let ended = Mutex::new(Some(ended));
    let mut followed = Followed::start(SecretAccess::Cluster, move |asked| {
        match (asked.resource.as_str(), asked.is_watch, asked.nth) {
            ("ingresses", false, _) => Some(Answer::Body(list(&[ingress("a", "1")], "10", ""))),
            ("ingresses", true, 0) => ended.lock().unwrap().take().map(Answer::Live),
            ("ingresses", true, _) if asked.token == "first" => Some(Answer::Status(401, "{}")),
            _ => None,
        }
    })
    .await;
    followed.patience = HOUR;
    followed.until_synced().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    // By the wall clock it is too early for the client to read it by itself.
    followed.rotate_token("second");
    drop(ending);
    let since = lost(&mut followed, ObjectKind::Ingress).await;
    followed.until(|event, _| *event == up(ObjectKind::Ingress)).await;
    assert!(since.elapsed() < Duration::from_secs(1), "followed again after {:?}", since.elapsed());
    let tokens: Vec<_> = followed.asked("ingresses", true).into_iter().map(|asked| asked.token).collect();
    assert_eq!(tokens, ["first", "first", "second"]);
    assert!(followed.removals.is_empty());
    assert_eq!(followed.asked("ingresses", false).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn f15_while_there_is_no_better_token_the_old_one_is_tried_seldom() {
    let (ending, ended) = mpsc::unbounded_channel::<String>();
    let ended = Mutex::new(Some(ended));
    let mut followed = Followed::start(SecretAccess::Cluster, move |asked| {
        match (asked.resource.as_str(), asked.is_watch, asked.nth) {
            ("ingresses", true, 0) => ended.lock().unwrap().take().map(Answer::Live),
            ("ingresses", true, _) if asked.token == "first" => Some(Answer::Status(401, "{}")),
            _ => None,
        }
    })
    .await;
    followed.patience = HOUR;
    followed.until_synced().await;
    drop(ending);
    lost(&mut followed, ObjectKind::Ingress).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let tries = followed.asked("ingresses", true).len();
    assert!((30..70).contains(&tries), "{tries} in ten minutes");
    followed.rotate_token("second");
    let rotated = Instant::now();
    followed.until(|event, _| *event == up(ObjectKind::Ingress)).await;
    // Two pauses of 20 s at the most: another kind's request may have read the old token again after the last refusal, and
    // then it takes one more refusal.
    assert!(rotated.elapsed() < Duration::from_secs(42), "followed again after {:?}", rotated.elapsed());
}

/// A server that shows a certificate of this authority's, and answers every request that there is nothing.
fn secure_server(authority: &rcgen::CertifiedIssuer<'static, rcgen::KeyPair>) -> std::net::SocketAddr {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::Stream::new(&mut session, &mut stream);
            let mut head = Vec::new();
            let mut piece = [0; 1024];
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read(&mut piece) {
                    Ok(count @ 1..) => head.extend_from_slice(&piece[..count]),
                    Ok(0) | Err(_) => break,
                }
            }
            let body = list(&[], "1", "");
            // A client that does not trust us is gone.
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        }
    });
    address
}

fn authority(name: &str) -> rcgen::CertifiedIssuer<'static, rcgen::KeyPair> {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap()
}

#[tokio::test]
async fn f15_a_server_of_an_unknown_authority_is_told_from_one_that_is_away() {
    let (known, unknown) = (authority("known"), authority("unknown"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    std::fs::write(&file, known.pem()).unwrap();
    let mut outcomes = Vec::new();
    for signer in [&known, &unknown] {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "c", "cluster": {"server": format!("https://{}", secure_server(signer)), "certificate-authority": file}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        });
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        let access = Access::find(Some(kubeconfig)).unwrap();
        let request = http::Request::get("/api/v1/services").body(Vec::new()).unwrap();
        outcomes.push(access.get(request).await.map(drop).map_err(|failure| (failure.reason, failure.to_string())));
    }
    assert_eq!(outcomes[0], Ok(()));
    let (reason, text) = outcomes[1].clone().unwrap_err();
    assert_eq!(reason, Reason::Untrusted, "{text}");
    assert!(text.contains("UnknownIssuer"), "{text}");
}

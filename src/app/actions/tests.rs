//! Against a scripted API server over loopback.

use std::future::pending;
use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::model::{EndpointPort, EndpointSpec, ObjectName, PodMark, PortRef, Protocol, UpstreamKey, UpstreamSpec};
use crate::upstream::Backend;

const ANNOTATION: &str = "tidegate.dev/endpoint-overrides";

const LONG: Duration = Duration::from_secs(20);

/// What the PATCH of this number is answered; `None`: nothing, ever.
type Script = fn(usize) -> Option<u16>;

/// The Service that the server has, and what was asked of it.
#[derive(Default)]
struct Standing {
    annotation: Option<String>,
    patches: Vec<Value>,
}

/// The server, and what acts by it.
struct Plane {
    standing: Arc<Mutex<Standing>>,
    upstream: Arc<Upstream>,
    durable: Durable,
    server: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Plane {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let standing = Arc::<Mutex<Standing>>::default();
        let server = tokio::spawn(serve(listener, Arc::clone(&standing), script));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "x",
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        });
        std::fs::write(&file, config.to_string()).unwrap();
        let registry = Arc::new(Registry::new(Arc::default()));
        let service = ObjectName::new("shop", "web");
        let key =
            UpstreamKey { service: service.clone(), endpoint_port: EndpointPort::Fixed(80), protocol: Protocol::Http1 };
        let spec = Arc::new(UpstreamSpec { key, port: PortRef::Number(80), for_https: None });
        let (Backend { upstream, .. }, _) = registry.get_or_create(&spec);
        let of_pod = EndpointSpec {
            identity: PodMark::of("web-1", "u1").identity(&service).unwrap(),
            ..EndpointSpec::active(([10, 0, 0, 1], 80).into())
        };
        let of_nobody = EndpointSpec::active(([10, 0, 0, 2], 80).into());
        let gone = EndpointSpec {
            identity: PodMark::of("web-0", "u0").identity(&service).unwrap(),
            ..EndpointSpec::active(([10, 0, 0, 3], 80).into())
        };
        let absent = EndpointSpec::active(([10, 0, 0, 4], 80).into());
        upstream.set_endpoints(vec![of_pod, of_nobody, gone, absent]);
        let access = Access::find(Some(file)).unwrap();
        let durable = Durable { registry, access, turn: Semaphore::new(1), deadline: LONG, arrival: Duration::ZERO };
        Self { standing, upstream, durable, server, _folder: folder }
    }

    async fn act(&self, last: u8, actions: &[Action]) -> Result<(), ActFailure> {
        self.durable.act(stats::id(&self.upstream), ([10, 0, 0, last], 80).into(), actions).await
    }

    fn annotation(&self) -> Option<String> {
        self.standing.lock().unwrap().annotation.clone()
    }

    fn patches(&self) -> usize {
        self.standing.lock().unwrap().patches.len()
    }
}

async fn serve(listener: TcpListener, standing: Arc<Mutex<Standing>>, script: Script) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, Arc::clone(&standing), script));
    }
}

/// One request for each connection.
async fn answer(mut stream: TcpStream, standing: Arc<Mutex<Standing>>, script: Script) -> std::io::Result<()> {
    let mut read = Vec::new();
    let (head, body) = loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Ok(());
        }
        read.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let length = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.map(|(_, value)| value.parse::<usize>().unwrap()).next().unwrap_or(0);
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    let service = |annotation: &Option<String>| {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "web", "namespace": "shop", "resourceVersion": "7",
                "annotations": annotation.iter().map(|text| (ANNOTATION, text)).collect::<std::collections::BTreeMap<_, _>>(),
            },
        })
    };
    let (status, body) = if head.starts_with("GET /api/v1/namespaces/shop/services/web") {
        (200, service(&standing.lock().unwrap().annotation))
    } else if head.starts_with("GET /apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?") {
        let pod = |name: &str, uid: &str| json!({"kind": "Pod", "name": name, "uid": uid});
        let slice = json!({
            "metadata": {"name": "web-1", "namespace": "shop"}, "addressType": "IPv4",
            "endpoints": [
                {"addresses": ["10.0.0.1"], "targetRef": pod("web-1", "u1")},
                {"addresses": ["10.0.0.2"]},
                {"addresses": ["10.0.0.3"], "targetRef": pod("web-3", "u3")},
            ],
        });
        (
            200,
            json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSliceList", "metadata": {}, "items": [slice]}),
        )
    } else {
        assert!(head.starts_with("PATCH /api/v1/namespaces/shop/services/web?"), "{head}");
        assert!(head.contains("fieldManager=tidegate-stats") && head.contains("merge-patch+json"), "{head}");
        let patch: Value = serde_json::from_str(&body).unwrap();
        let number = {
            let mut standing = standing.lock().unwrap();
            standing.patches.push(patch.clone());
            standing.patches.len()
        };
        let Some(status) = script(number) else { return pending().await };
        if status == 200 {
            let mut standing = standing.lock().unwrap();
            standing.annotation = patch["metadata"]["annotations"][ANNOTATION].as_str().map(str::to_owned);
            (status, service(&standing.annotation))
        } else {
            let message = format!("the status is {status}");
            (status, json!({"kind": "Status", "status": "Failure", "message": message, "reason": "x", "code": status}))
        }
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await
}

#[tokio::test]
async fn the_annotation_is_written_and_the_watch_brings_it_here() {
    let mut plane = Plane::start(|_| Some(200)).await;
    plane.durable.arrival = LONG;
    // As the watch does.
    let follow = async {
        while plane.annotation().is_none() {
            tokio::task::yield_now().await;
        }
        let endpoint = Arc::clone(plane.upstream.endpoints().of(([10, 0, 0, 1], 80).into()).unwrap());
        assert_eq!(endpoint.state(), EndpointState::Active, "nothing is done here but what the watch brings");
        let set = plane.upstream.endpoints();
        let specs = set.as_slice().iter().map(|of| EndpointSpec {
            identity: of.identity(),
            state: if of.id() == endpoint.id() { EndpointState::Draining } else { EndpointState::Active },
            weight: Weight::new(if of.id() == endpoint.id() { 7 } else { 100 }).unwrap(),
            ..EndpointSpec::active(of.address())
        });
        plane.upstream.set_endpoints(specs.collect());
        endpoint
    };
    let (done, endpoint) = tokio::join!(plane.act(1, &[Action::Weigh(Some(7)), Action::Drain]), follow);
    assert_eq!((done, endpoint.state()), (Ok(()), EndpointState::Draining));
    assert!(!endpoint.is_commanded());
    assert_eq!(plane.annotation().as_deref(), Some("web-1@u1=weight:7; web-1@u1=drain"));
    let patch = plane.standing.lock().unwrap().patches[0].clone();
    assert_eq!(patch["metadata"]["resourceVersion"], "7", "what others write meanwhile is not lost");
    // What stands there already is not written again.
    assert_eq!(plane.act(1, &[Action::Drain]).await, Ok(()));
    assert_eq!(plane.patches(), 1);
    plane.durable.arrival = Duration::ZERO;
    // Without a pod, by its address.
    assert_eq!(plane.act(2, &[Action::Maintain]).await, Ok(()));
    assert_eq!(plane.annotation().unwrap(), "web-1@u1=weight:7; web-1@u1=drain; 10.0.0.2=maint");
    assert_eq!(plane.act(1, &[Action::Ready, Action::Weigh(None)]).await, Ok(()));
    assert_eq!(plane.act(2, &[Action::Ready]).await, Ok(()));
    assert_eq!(plane.annotation(), None);
}

#[tokio::test]
async fn a_conflict_is_tried_again_and_not_for_ever() {
    let plane = Plane::start(|number| Some(if number < 3 { 409 } else { 200 })).await;
    assert_eq!(plane.act(2, &[Action::Drain]).await, Ok(()));
    assert_eq!((plane.patches(), plane.annotation().as_deref()), (3, Some("10.0.0.2=drain")));
    let plane = Plane::start(|_| Some(409)).await;
    let failure = plane.act(2, &[Action::Drain]).await.unwrap_err();
    assert_eq!(failure.status(), 409);
    assert!(failure.to_string().contains("written by somebody else all the time: nothing was changed"), "{failure}");
}

#[tokio::test]
async fn what_the_server_refuses_is_told_and_nothing_is_changed() {
    for (script, status, expected) in [
        ((|_| Some(403)) as Script, 502, "nothing was changed: cannot write Service shop/web: the status is 403"),
        (
            |_| Some(500),
            502,
            "cannot write Service shop/web: the status is 500: it is not known whether the Service was changed",
        ),
    ] {
        let plane = Plane::start(script).await;
        let failure = plane.act(1, &[Action::Drain]).await.unwrap_err();
        assert_eq!((failure.status().as_u16(), failure.to_string().as_str()), (status, expected));
        let endpoint = Arc::clone(plane.upstream.endpoints().of(([10, 0, 0, 1], 80).into()).unwrap());
        assert_eq!((endpoint.state(), plane.annotation()), (EndpointState::Active, None));
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_waited_for_until_the_deadline() {
    let mut plane = Plane::start(|_| None).await;
    plane.durable.deadline = Duration::from_millis(300);
    let failure = plane.act(1, &[Action::Drain]).await.unwrap_err();
    assert_eq!(failure.status(), 504);
    let text = failure.to_string();
    assert!(text.starts_with("no answer of the Kubernetes API in 0.3 s"), "{text}");
    // On a machine that is busy the time may be over before anything was sent.
    assert_eq!(text.contains("it is not known whether"), plane.patches() == 1, "{text}");
    // Who waits for their turn waits no longer either.
    let _turn = plane.durable.turn.acquire().await.unwrap();
    let failure = plane.act(1, &[Action::Drain]).await.unwrap_err();
    assert_eq!(failure.to_string(), "nothing was changed: no answer of the Kubernetes API in 0.3 s");
}

#[tokio::test]
async fn an_endpoint_whose_pod_is_gone_is_not_taken_for_the_next_one() {
    let plane = Plane::start(|_| Some(200)).await;
    for (last, expected) in [(3, "no endpoint 10.0.0.3 with the pod"), (4, "no endpoint 10.0.0.4")] {
        let failure = plane.act(last, &[Action::Drain]).await.unwrap_err();
        assert_eq!(failure.status(), 409);
        assert!(failure.to_string().starts_with("nothing was changed: Service shop/web has "), "{failure}");
        assert!(failure.to_string().contains(expected), "{failure}");
    }
    assert_eq!(plane.act(9, &[Action::Drain]).await, Err(ActFailure::Gone));
    plane.standing.lock().unwrap().annotation = Some("web-1=stop".into());
    let failure = plane.act(1, &[Action::Drain]).await.unwrap_err();
    assert!(failure.status() == 409 && failure.to_string().contains("kubectl annotate"), "{failure}");
    assert_eq!(plane.patches(), 0);
}

#[tokio::test]
async fn without_access_it_is_done_in_this_process_alone() {
    let plane = Plane::start(|_| Some(200)).await;
    let (scope, act) = actions(&plane.durable.registry, None);
    assert_eq!(scope, Scope::ThisReplica);
    let address = ([10, 0, 0, 1], 80).into();
    let backend = stats::id(&plane.upstream);
    assert_eq!(act(backend, address, vec![Action::Maintain, Action::Weigh(Some(5))]).await, Ok(()));
    let endpoint = Arc::clone(plane.upstream.endpoints().of(address).unwrap());
    assert_eq!((endpoint.state(), endpoint.weight().get()), (EndpointState::Maintenance, 5));
    assert!(endpoint.is_commanded());
    assert_eq!(act(backend, ([10, 0, 0, 9], 80).into(), vec![Action::Drain]).await, Err(ActFailure::Gone));
    assert_eq!(act(backend + 1, address, vec![Action::Drain]).await, Err(ActFailure::Gone));
    assert_eq!(plane.patches(), 0);
}

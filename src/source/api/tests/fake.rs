//! A scripted API over loopback, for faults that a real one does not produce on demand. Everything else is tested
//! against a real API server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch as cell};
use tokio::time::timeout;

use super::super::{Access, ClassAccess, ConfigMapAccess, SecretAccess, Settings, follow};
use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem};
use crate::observe::Metrics;
use crate::source::Event;
use crate::source::objects::Change;

pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// A request: what it is for, and how many of the same came before.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) resource: String,
    /// Of the one object that is asked for; empty for all.
    pub(super) name: String,
    pub(super) query: String,
    pub(super) is_watch: bool,
    pub(super) nth: usize,
    /// The client that asks.
    pub(super) token: String,
}

/// What the fake answers.
pub(super) enum Answer {
    Status(u16, &'static str),
    Body(String),
    /// The API says that there is no such object.
    Absent,
    /// A body that breaks off.
    Broken(String),
    /// Lines, then the end of the stream.
    Lines(Vec<String>),
    /// Lines, and nothing more for ever.
    Open(Vec<String>),
    /// Whatever is sent here, until the sender is gone.
    Live(mpsc::UnboundedReceiver<String>),
    /// Another answer, later.
    Late(Duration, Box<Answer>),
}

/// What was asked so far.
#[derive(Default)]
struct Log {
    asked: Vec<Asked>,
    /// Lists of each resource that are under way, and how many were at once at the most.
    lists: BTreeMap<String, (usize, usize)>,
}

type Script = dyn Fn(&Asked) -> Option<Answer> + Send + Sync;

/// The fake and what follows it.
pub(super) struct Followed {
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) wanted: cell::Sender<std::collections::BTreeSet<ObjectRef>>,
    pub(super) metrics: Arc<Metrics>,
    /// How long to wait for an event.
    pub(super) patience: Duration,
    /// Where the server's address is.
    pub(super) address: SocketAddr,
    log: Arc<Mutex<Log>>,
    /// Objects that stand, as `Kind namespace/name`, with a count of their arrivals.
    pub(super) objects: BTreeMap<String, usize>,
    pub(super) removals: Vec<String>,
    pub(super) problems: Vec<Problem>,
    /// What stands, as it came last.
    pub(super) standing: BTreeMap<String, Change>,
    folder: tempfile::TempDir,
    /// Whether nothing is read without being wanted.
    is_by_name: bool,
}

impl Followed {
    pub(super) async fn start(
        secrets: SecretAccess,
        script: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let settings = Settings {
            namespaces: Vec::new(),
            classes: ClassAccess::Listed,
            secrets,
            config_maps: ConfigMapAccess::Namespaces(vec!["shop".into()]),
            shared_keys: None,
            self_service: None,
            config_maps_of_options: [ObjectName::new("edge", "nginx")].into(),
            signature: None,
        };
        Self::start_with(settings, script).await
    }

    pub(super) async fn start_with(
        settings: Settings,
        script: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let (access, folder, address, log) = serving(script).await;
        let is_by_name = matches!(settings.secrets, SecretAccess::Names(_));
        let (sender, events) = mpsc::channel(4);
        let wanted = cell::Sender::default();
        let metrics = Arc::new(Metrics::new());
        tokio::spawn(follow(settings, access, metrics.clone(), sender, wanted.subscribe()));
        Self {
            events,
            wanted,
            metrics,
            patience: DEADLINE,
            address,
            log,
            objects: BTreeMap::new(),
            removals: Vec::new(),
            problems: Vec::new(),
            standing: BTreeMap::new(),
            folder,
            is_by_name,
        }
    }

    /// From now on these Secrets are wanted, and nothing else.
    pub(super) fn want(&self, secrets: std::collections::BTreeSet<ObjectName>) {
        let object = |name| ObjectRef::new(ObjectKind::Secret, name);
        self.wanted.send_replace(secrets.into_iter().map(object).collect());
    }

    /// The next event, taken in.
    pub(super) async fn next(&mut self) -> Event {
        let event = timeout(self.patience, self.events.recv()).await;
        let event = event.unwrap_or_else(|_| panic!("no event; there are {:?}", self.objects)).unwrap();
        self.took(&event);
        event
    }

    /// Takes in an event.
    pub(super) fn took(&mut self, event: &Event) {
        match event {
            Event::Change(change, _) => {
                let name = change.object().to_string();
                if change.current().is_none() {
                    let was_there = self.objects.remove(&name).is_some();
                    // What is read by name is also reported when it does not exist.
                    let is_named = name.starts_with("Secret ") || name.starts_with("ConfigMap ");
                    assert!(was_there || is_named, "{name} went but was not there");
                    self.standing.remove(&name);
                    self.removals.push(name);
                } else {
                    self.standing.insert(name.clone(), change.clone());
                    *self.objects.entry(name).or_default() += 1;
                }
            }
            Event::Problems(problems) => self.problems.clone_from(problems),
            // As the controller does, which annotations have named nothing so far.
            Event::Listed if !self.is_by_name => self.wanted.send_modify(|_| {}),
            Event::Listed | Event::Synced | Event::Connected(..) | Event::Resolved(..) => {}
        }
    }

    pub(super) async fn until(&mut self, wanted: impl Fn(&Event, &Self) -> bool) {
        loop {
            let event = self.next().await;
            if wanted(&event, self) {
                return;
            }
        }
    }

    pub(super) async fn until_synced(&mut self) {
        self.until(|event, _| *event == Event::Synced).await;
    }

    /// Requests for a resource, lists or watches.
    pub(super) fn asked(&self, resource: &str, is_watch: bool) -> Vec<Asked> {
        let log = self.log.lock().unwrap();
        log.asked.iter().filter(|asked| asked.resource == resource && asked.is_watch == is_watch).cloned().collect()
    }

    /// How many lists of a resource were under way at once at the most.
    pub(super) fn lists_at_once(&self, resource: &str) -> usize {
        self.log.lock().unwrap().lists.get(resource).map_or(0, |(_, most)| *most)
    }

    /// Replaces the file with the token.
    pub(super) fn rotate_token(&self, token: &str) {
        std::fs::write(self.folder.path().join("token"), token).unwrap();
    }
}

/// The fake alone: access to it, the folder with its kubeconfig, its address, and what was asked.
async fn serving(
    script: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> (Arc<Access>, tempfile::TempDir, SocketAddr, Arc<Mutex<Log>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let log = Arc::<Mutex<Log>>::default();
    tokio::spawn(serve(listener, Arc::new(script), log.clone()));

    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "first").unwrap();
    let file = folder.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "u", "user": {"tokenFile": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    });
    std::fs::write(&file, config.to_string()).unwrap();
    (Access::find(Some(file)).unwrap(), folder, address, log)
}

/// Access to a fake that nobody follows. It is there as long as the folder.
pub(super) async fn access(
    script: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> (Arc<Access>, tempfile::TempDir) {
    let (access, folder, ..) = serving(script).await;
    (access, folder)
}

async fn serve(listener: TcpListener, script: Arc<Script>, log: Arc<Mutex<Log>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, script.clone(), log.clone()));
    }
}

/// One request for each connection.
async fn answer(mut stream: TcpStream, script: Arc<Script>, log: Arc<Mutex<Log>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Ok(());
        }
        head.extend_from_slice(&piece[..count]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.to_lowercase().contains("user-agent: tidegate/"), "{head}");
    let target = head.split(' ').nth(1).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let asked = {
        let mut log = log.lock().unwrap();
        let (resource, name) = asked_for(path, query);
        let is_watch = query.contains("watch=true");
        let same = |other: &&Asked| (&other.resource, &other.name, other.is_watch) == (&resource, &name, is_watch);
        let nth = log.asked.iter().filter(same).count();
        let token =
            head.split("Bearer ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap_or_default().to_owned();
        let asked = Asked { resource, name, query: query.to_owned(), is_watch, nth, token };
        log.asked.push(asked.clone());
        if !is_watch {
            let (now, most) = log.lists.entry(asked.resource.clone()).or_default();
            *now += 1;
            *most = (*most).max(*now);
        }
        asked
    };
    let outcome = respond(&mut stream, &asked, &*script).await;
    if !asked.is_watch {
        log.lock().unwrap().lists.get_mut(&asked.resource).unwrap().0 -= 1;
    }
    outcome
}

/// Resource, and name if it is for one object: `/api/v1/namespaces/NAMESPACE/RESOURCE/NAME`, or by a selector.
fn asked_for(path: &str, query: &str) -> (String, String) {
    let parts: Vec<_> = path.split('/').collect();
    let at = parts.iter().position(|part| *part == "namespaces").map_or(parts.len() - 1, |at| at + 2);
    let selected = query.split('&').find_map(|part| part.strip_prefix("fieldSelector=metadata.name%3D"));
    let selected = selected.and_then(|selector| selector.split("%2C").next());
    let name = parts.get(at + 1).copied().or(selected).unwrap_or_default();
    (parts[at].to_owned(), name.to_owned())
}

async fn respond(stream: &mut TcpStream, asked: &Asked, script: &Script) -> std::io::Result<()> {
    let otherwise = || match asked {
        asked if asked.is_watch => Answer::Open(Vec::new()),
        asked if asked.name.is_empty() || asked.query.contains("fieldSelector=") => Answer::Body(list(&[], "1", "")),
        _ => Answer::Absent,
    };
    let head = |status: u16, more: &str| format!("HTTP/1.1 {status} X\r\nconnection: close\r\n{more}\r\n");
    let mut answer = script(asked).unwrap_or_else(otherwise);
    while let Answer::Late(pause, later) = answer {
        let mut rest = [0; 1];
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // The client goes.
            _ = stream.read(&mut rest) => return Ok(()),
        }
        answer = *later;
    }
    match answer {
        Answer::Late(..) => unreachable!("waited for above"),
        Answer::Status(status, body) => {
            let head = head(status, &format!("content-length: {}\r\n", body.len()));
            stream.write_all((head + body).as_bytes()).await?;
        }
        Answer::Absent => {
            let details = json!({"name": asked.name, "kind": asked.resource});
            let body = json!({"kind": "Status", "code": 404, "reason": "NotFound", "details": details}).to_string();
            let head = head(404, &format!("content-length: {}\r\n", body.len()));
            stream.write_all((head + &body).as_bytes()).await?;
        }
        Answer::Body(body) => {
            let head = head(200, &format!("content-length: {}\r\n", body.len()));
            stream.write_all((head + &body).as_bytes()).await?;
        }
        Answer::Broken(body) => {
            let head = head(200, &format!("content-length: {}\r\n", body.len() + 100));
            stream.write_all((head + &body).as_bytes()).await?;
        }
        Answer::Lines(lines) => {
            stream.write_all((head(200, "") + &lines.join("\n") + "\n").as_bytes()).await?;
        }
        Answer::Open(lines) => {
            let end = if lines.is_empty() { "" } else { "\n" };
            stream.write_all((head(200, "") + &lines.join("\n") + end).as_bytes()).await?;
            // Until the client goes.
            let _ = stream.read(&mut [0; 1]).await?;
        }
        Answer::Live(mut lines) => {
            stream.write_all(head(200, "").as_bytes()).await?;
            while let Some(line) = lines.recv().await {
                stream.write_all((line + "\n").as_bytes()).await?;
            }
        }
    }
    stream.shutdown().await
}

/// A list or a page of one.
pub(super) fn list(items: &[Value], version: &str, next: &str) -> String {
    json!({"kind": "List", "metadata": {"resourceVersion": version, "continue": next}, "items": items}).to_string()
}

/// A line of a watch.
pub(super) fn line(kind: &str, object: &Value) -> String {
    json!({"type": kind, "object": object}).to_string()
}

/// The line that says that the server has forgotten where we were.
pub(super) fn expired() -> String {
    line("ERROR", &json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}))
}

pub(super) fn ingress(name: &str, version: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": version, "managedFields": [{"fieldsV1": {}}]},
        "spec": {"rules": [{"host": format!("{name}.example.com")}]},
    })
}

/// One the API would not let in.
pub(super) fn malformed(name: &str, version: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "resourceVersion": version}, "spec": {"rules": "none"}})
}

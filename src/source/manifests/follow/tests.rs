//! Against the real file system and its notices: every wait is for an event, with a deadline.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::follow;
use crate::model::ObjectKind;
use crate::model::Problem;
use crate::source::changes::Event;
use crate::source::objects::Object;

const DEADLINE: Duration = Duration::from_secs(20);

/// A followed directory, and what its events add up to.
struct Followed {
    folder: TempDir,
    root: PathBuf,
    events: mpsc::Receiver<Event>,
    task: JoinHandle<std::io::Result<()>>,
    /// Host of each Ingress by name.
    hosts: BTreeMap<String, String>,
    problems: Vec<Problem>,
    /// Objects that events named since they were last taken, with their hosts.
    log: Vec<String>,
}

impl Followed {
    async fn start(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("manifests");
        Self::start_at(folder, root, files).await
    }

    async fn start_at(folder: TempDir, root: PathBuf, files: &[(&str, &str)]) -> Self {
        fs::create_dir_all(&root).unwrap();
        for (name, text) in files {
            write(&root.join(name), text);
        }
        let (sender, events) = mpsc::channel(1);
        let task = tokio::spawn(follow(root.clone(), sender));
        let mut followed =
            Self { folder, root, events, task, hosts: BTreeMap::new(), problems: Vec::new(), log: Vec::new() };
        while followed.take().await != Event::Synced {}
        followed.log.clear();
        followed
    }

    async fn take(&mut self) -> Event {
        let event = timeout(DEADLINE, self.events.recv()).await;
        let event = event.unwrap_or_else(|_| panic!("no event: {:?} {:?}", self.hosts, self.problems)).unwrap();
        match &event {
            Event::Change(change, _) => {
                assert_eq!(change.object().kind, ObjectKind::Ingress);
                let name = change.object().name.name.to_string();
                match change.current().cloned().and_then(Object::into_ingress) {
                    Some(ingress) => {
                        let host = ingress.rules[0].host.to_string();
                        self.log.push(format!("{name} {host}"));
                        self.hosts.insert(name, host);
                    }
                    None => {
                        self.log.push(format!("{name} gone"));
                        self.hosts.remove(&name);
                    }
                }
            }
            Event::Problems(problems) => self.problems = problems.clone(),
            Event::Synced => {}
            Event::Listed | Event::Connected(..) | Event::Resolved(..) => panic!("a directory does not send {event:?}"),
        }
        event
    }

    /// Waits until the Ingresses and their hosts are these.
    async fn until(&mut self, expected: &[(&str, &str)]) {
        let expected = expected.iter().map(|(name, host)| (name.to_string(), host.to_string())).collect();
        while self.hosts != expected {
            self.take().await;
        }
    }

    /// Waits until the Problems satisfy a condition.
    async fn until_problems(&mut self, is_met: impl Fn(&[Problem]) -> bool) {
        while !is_met(&self.problems) {
            self.take().await;
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        write(&self.path(name), text);
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn ingress(name: &str, host: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {name}}}\nspec:\n  rules:\n  - host: {host}\n---\n"
    )
}

#[tokio::test]
async fn objects_problems_and_the_end_of_the_beginning_come_first() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("a.yaml"), &(ingress("a", "a.example") + &ingress("b", "b.example")));
    let (sender, mut events) = mpsc::channel(16);
    let task = tokio::spawn(follow(folder.path().to_owned(), sender));
    let mut kinds = String::new();
    while !kinds.ends_with('S') {
        kinds.push(match timeout(DEADLINE, events.recv()).await.unwrap().unwrap() {
            Event::Change(..) => 'C',
            Event::Problems(_) => 'P',
            Event::Synced => 'S',
            event @ (Event::Listed | Event::Connected(..) | Event::Resolved(..)) => {
                panic!("a directory does not send {event:?}")
            }
        });
    }
    assert_eq!(kinds, "CCPS");
    drop(events);
    timeout(DEADLINE, task).await.unwrap().unwrap().unwrap();
}

/// The names of the certificates that are there, as events tell them: by file, `None` for one that cannot be used.
async fn certificates_until(
    events: &mut mpsc::Receiver<Event>,
    known: &mut BTreeMap<String, Option<String>>,
    expected: &[(&str, Option<&str>)],
) {
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(file, name)| (file.to_string(), name.map(ToOwned::to_owned))).collect();
    while *known != expected {
        let event = timeout(DEADLINE, events.recv()).await.unwrap_or_else(|_| panic!("no event: {known:?}")).unwrap();
        let Event::Change(change, _) = event else { continue };
        assert_eq!(change.object().kind, ObjectKind::File);
        let file = change.object().name.name.to_string();
        match change.current().cloned().and_then(Object::into_certificate_file) {
            Some(read) => known.insert(file, read.certificate.as_ref().ok().map(|read| read.names().join(" "))),
            None => known.remove(&file),
        };
    }
}

#[tokio::test]
async fn certificates_are_followed_through_replacement_links_and_removal() {
    let folder = tempfile::tempdir().unwrap();
    let (manifests, root) = (folder.path().join("manifests"), folder.path().join("certificates"));
    fs::create_dir_all(&manifests).unwrap();
    let pem = |name: &str| {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        made.signing_key.serialize_pem() + &made.cert.pem()
    };
    write(&root.join("a.pem"), &pem("a.example"));
    write(&root.join("below/b.pem"), &pem("b.example"));
    write(&root.join("readme.txt"), "no certificate");
    let (sender, mut events) = mpsc::channel(16);
    let task = tokio::spawn(super::follow_all(manifests, Some(root.clone()), sender));
    let mut known = BTreeMap::new();
    certificates_until(&mut events, &mut known, &[("a.pem", Some("a.example"))]).await;

    // As who writes a file anew in one step does.
    write(&root.join(".new"), &pem("c.example"));
    fs::rename(root.join(".new"), root.join("a.pem")).unwrap();
    certificates_until(&mut events, &mut known, &[("a.pem", Some("c.example"))]).await;

    // As certbot's links are.
    let archive = folder.path().join("archive");
    write(&archive.join("1.pem"), &pem("one.example"));
    write(&archive.join("2.pem"), &pem("two.example"));
    symlink(archive.join("1.pem"), root.join("live.pem")).unwrap();
    certificates_until(&mut events, &mut known, &[("a.pem", Some("c.example")), ("live.pem", Some("one.example"))])
        .await;
    symlink(archive.join("2.pem"), root.join(".live")).unwrap();
    fs::rename(root.join(".live"), root.join("live.pem")).unwrap();
    certificates_until(&mut events, &mut known, &[("a.pem", Some("c.example")), ("live.pem", Some("two.example"))])
        .await;

    write(&root.join("a.pem"), "half of a certif");
    fs::remove_file(root.join("live.pem")).unwrap();
    certificates_until(&mut events, &mut known, &[("a.pem", None)]).await;
    fs::remove_file(root.join("a.pem")).unwrap();
    certificates_until(&mut events, &mut known, &[]).await;
    drop(events);
    timeout(DEADLINE, task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn what_is_not_there_at_the_start_is_an_error() {
    let (sender, _events) = mpsc::channel(1);
    assert!(follow(PathBuf::from("/nowhere/at/all"), sender).await.is_err());
}

#[tokio::test]
async fn an_edit_sends_the_objects_that_differ_and_no_others() {
    let both = |b: &str| ingress("a", "a.example") + &ingress("b", b);
    let mut followed = Followed::start(&[("x.yaml", &both("b1.example")), ("y.yaml", &ingress("c", "c"))]).await;
    followed.write("x.yaml", &("# moved down\n---\n".to_owned() + &both("b2.example")));
    followed.until(&[("a", "a.example"), ("b", "b2.example"), ("c", "c")]).await;
    assert_eq!(followed.log, ["b b2.example"]);
}

#[tokio::test]
async fn files_come_and_go() {
    let mut followed = Followed::start(&[]).await;
    followed.write("a.yaml", &ingress("a", "a"));
    followed.until(&[("a", "a")]).await;
    followed.write("deep/er/b.yaml", &ingress("b", "b"));
    followed.until(&[("a", "a"), ("b", "b")]).await;
    followed.write("deep/er/c.yaml", &ingress("c", "c"));
    followed.until(&[("a", "a"), ("b", "b"), ("c", "c")]).await;
    fs::remove_file(followed.path("a.yaml")).unwrap();
    followed.until(&[("b", "b"), ("c", "c")]).await;
    fs::rename(followed.path("deep"), followed.path("elsewhere")).unwrap();
    followed.write("elsewhere/er/c.yaml", &ingress("c", "c2"));
    followed.until(&[("b", "b"), ("c", "c2")]).await;
    fs::remove_dir_all(followed.path("elsewhere")).unwrap();
    followed.until(&[]).await;
    assert_eq!(followed.problems, []);
}

#[tokio::test]
async fn editors_that_replace_by_rename_are_followed() {
    let mut followed = Followed::start(&[("a.yaml", &ingress("a", "h0"))]).await;
    for n in 1..5 {
        // As vim does: the old one aside, the new one under the name, the old one away.
        let backup = followed.path("a.yaml~");
        fs::rename(followed.path("a.yaml"), &backup).unwrap();
        followed.write("a.yaml", &ingress("a", &format!("h{n}")));
        fs::remove_file(backup).unwrap();
        followed.until(&[("a", &format!("h{n}"))]).await;
        // As sed -i and most others do.
        followed.write("sedXYZ", &ingress("a", &format!("s{n}")));
        fs::rename(followed.path("sedXYZ"), followed.path("a.yaml")).unwrap();
        followed.until(&[("a", &format!("s{n}"))]).await;
    }
}

#[tokio::test]
async fn what_breaks_stays_until_it_is_repaired() {
    let good = ingress("a", "a1") + &ingress("b", "b1");
    let mut followed = Followed::start(&[("x.yaml", &good)]).await;
    // Half of it, as a writer that died would leave it.
    followed.write("x.yaml", &(ingress("a", "a2") + "apiVersion: networking.k8s.io/v1\nkind: {Ing"));
    followed.until(&[("a", "a2"), ("b", "b1")]).await;
    followed.until_problems(|problems| problems.len() == 2).await;
    let text = followed.problems.iter().map(ToString::to_string).collect::<String>();
    assert!(text.contains("document 2") && text.contains("go on as they were: Ingress default/b"), "{text}");
    // It is repaired and does not have b any more, so b goes.
    followed.write("x.yaml", &ingress("a", "a3"));
    followed.until(&[("a", "a3")]).await;
    followed.until_problems(<[_]>::is_empty).await;
    assert_eq!(followed.log, ["a a2", "a a3", "b gone"]);
}

#[tokio::test]
async fn an_update_that_the_api_would_refuse_changes_nothing() {
    let mut followed = Followed::start(&[("x.yaml", &(ingress("a", "a1") + &ingress("b", "b1")))]).await;
    // Only the refused object stays: the other was taken out on purpose.
    followed.write("x.yaml", &ingress("a", "[not, a, host]"));
    followed.until(&[("a", "a1")]).await;
    followed.until_problems(|problems| problems.len() == 2).await;
    assert_eq!(followed.log, ["b gone"]);
    followed.write("x.yaml", &ingress("a", "a2"));
    followed.until(&[("a", "a2")]).await;
    followed.until_problems(<[_]>::is_empty).await;
}

#[tokio::test]
async fn the_next_file_takes_over_an_object_that_the_first_gives_up() {
    let mut followed = Followed::start(&[("a.yaml", &ingress("x", "a")), ("b.yaml", &ingress("x", "b"))]).await;
    assert_eq!((followed.hosts["x"].as_str(), followed.problems.len()), ("a", 1));
    fs::remove_file(followed.path("a.yaml")).unwrap();
    followed.until(&[("x", "b")]).await;
    followed.until_problems(<[_]>::is_empty).await;
    followed.write("a.yaml", &ingress("x", "c"));
    followed.until(&[("x", "c")]).await;
    followed.until_problems(|problems| problems.len() == 1).await;
    assert_eq!(followed.log, ["x b", "x c"]);
}

#[tokio::test]
async fn a_directory_that_vanishes_serves_on_until_it_is_back() {
    let mut followed = Followed::start(&[("a.yaml", &ingress("a", "a1"))]).await;
    let aside = followed.folder.path().join("aside");
    let is_told = |problems: &[Problem]| problems.iter().any(|p| p.message.contains("what was last read goes on"));
    for n in 2..5 {
        // Away and back.
        fs::rename(&followed.root, &aside).unwrap();
        followed.until_problems(is_told).await;
        fs::rename(&aside, &followed.root).unwrap();
        followed.until_problems(<[_]>::is_empty).await;
        // Away, and another one in its place.
        fs::rename(&followed.root, &aside).unwrap();
        followed.until_problems(is_told).await;
        followed.write("a.yaml", &ingress("a", &format!("a{n}")));
        followed.until(&[("a", &format!("a{n}"))]).await;
        followed.until_problems(<[_]>::is_empty).await;
        fs::remove_dir_all(&aside).unwrap();
    }
    assert_eq!(followed.log, ["a a2", "a a3", "a a4"]);
}

#[tokio::test]
async fn a_directory_that_is_removed_and_made_anew_is_followed() {
    let mut followed = Followed::start(&[("a.yaml", &ingress("a", "a1"))]).await;
    for n in 2..20 {
        fs::remove_dir_all(&followed.root).unwrap();
        followed.write("a.yaml", &ingress("a", &format!("a{n}")));
        followed.until(&[("a", &format!("a{n}"))]).await;
    }
    followed.until_problems(<[_]>::is_empty).await;
}

#[tokio::test]
async fn a_config_map_is_exchanged_at_once() {
    let mut followed = Followed::start(&[]).await;
    let publish = |version: &str, hosts: &str| {
        followed.write(&format!("..{version}/a.yaml"), &ingress("a", hosts));
        symlink(format!("..{version}"), followed.path("..data_tmp")).unwrap();
        fs::rename(followed.path("..data_tmp"), followed.path("..data")).unwrap();
    };
    publish("v1", "a1");
    symlink("..data/a.yaml", followed.path("a.yaml")).unwrap();
    followed.until(&[("a", "a1")]).await;
    for n in 2..5 {
        followed.write(&format!("..v{n}/a.yaml"), &ingress("a", &format!("a{n}")));
        symlink(format!("..v{n}"), followed.path("..data_tmp")).unwrap();
        fs::rename(followed.path("..data_tmp"), followed.path("..data")).unwrap();
        fs::remove_dir_all(followed.path(&format!("..v{}", n - 1))).unwrap();
        followed.until(&[("a", &format!("a{n}"))]).await;
    }
    assert_eq!(followed.log, ["a a1", "a a2", "a a3", "a a4"]);
    assert_eq!(followed.problems, []);
}

#[tokio::test]
async fn a_file_behind_a_link_is_followed() {
    let mut followed = Followed::start(&[]).await;
    let target = followed.folder.path().join("other/real");
    write(&target, &ingress("a", "a1"));
    symlink(&target, followed.path("a.yaml")).unwrap();
    followed.until(&[("a", "a1")]).await;
    write(&target, &ingress("a", "a2"));
    followed.until(&[("a", "a2")]).await;
}

#[tokio::test]
async fn a_single_file_is_followed_also_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("real/a.yaml"), &ingress("a", "a1"));
    symlink("real", folder.path().join("link")).unwrap();
    let root = folder.path().join("link/a.yaml");
    let (sender, events) = mpsc::channel(1);
    let task = tokio::spawn(follow(root.clone(), sender));
    let (hosts, problems, log) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut followed = Followed { folder, root: root.clone(), events, task, hosts, problems, log };
    followed.until(&[("a", "a1")]).await;
    write(&root, &ingress("a", "a2"));
    followed.until(&[("a", "a2")]).await;
    write(&followed.folder.path().join("real/new"), &ingress("a", "a3"));
    fs::rename(followed.folder.path().join("real/new"), &root).unwrap();
    followed.until(&[("a", "a3")]).await;
    assert!(!followed.task.is_finished());
}

#[tokio::test]
async fn a_directory_behind_a_link_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    symlink("real", folder.path().join("link")).unwrap();
    let root = folder.path().join("link");
    let mut followed = Followed::start_at(folder, root, &[("a.yaml", &ingress("a", "a1"))]).await;
    followed.write("a.yaml", &ingress("a", "a2"));
    followed.until(&[("a", "a2")]).await;
    followed.write("b.yaml", &ingress("b", "b"));
    followed.until(&[("a", "a2"), ("b", "b")]).await;
}

#[tokio::test]
async fn a_change_of_permission_is_noticed() {
    let mut followed = Followed::start(&[("a.yaml", &ingress("a", "a1"))]).await;
    set_mode(&followed.path("a.yaml"), 0o000);
    if fs::read(followed.path("a.yaml")).is_ok() {
        // Nothing is unreadable to root.
        return;
    }
    followed.until_problems(|problems| problems.len() == 2).await;
    set_mode(&followed.path("a.yaml"), 0o600);
    followed.until_problems(<[_]>::is_empty).await;
    assert_eq!(followed.log, Vec::<String>::new());
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_storm_of_changes_ends_in_the_last_state() {
    let mut followed = Followed::start(&[]).await;
    for n in 0..2000 {
        followed.write(&format!("d{}/f{}.yaml", n % 7, n % 50), &ingress(&format!("i{}", n % 350), &format!("h{n}")));
        if n % 3 == 0 {
            let _ = fs::remove_file(followed.path(&format!("d{}/f{}.yaml", n % 5, n % 11)));
        }
        tokio::task::yield_now().await;
    }
    let expected = super::super::load(&followed.root).unwrap();
    let expected: BTreeMap<_, _> = expected
        .changes
        .iter()
        .map(|change| {
            let ingress = change.current().cloned().and_then(Object::into_ingress).unwrap();
            (ingress.name.name.to_string(), ingress.rules[0].host.to_string())
        })
        .collect();
    while followed.hosts != expected {
        followed.take().await;
    }
}

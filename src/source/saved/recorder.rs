//! The thread that keeps the file of saved objects up to date. It has objects of its own, so the controller never waits for
//! it.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use foldhash::{HashMap, HashMapExt as _};
use tokio::time::Instant;

use super::write::write;
use crate::model::ObjectRef;
use crate::observe::Metrics;
use crate::source::objects::{Applied, Change, Objects};

/// Shortest time from the end of one writing to the next.
const PAUSE: Duration = Duration::from_secs(2);
/// The pause is this many times what the writing took, if that is longer: at most 2 % of a CPU.
const PAUSE_FACTOR: u32 = 50;
/// How often the modification time of a file that needs no writing is set: it says that the file is still current.
const CONFIRM: Duration = Duration::from_secs(10);

/// Takes the changes for the thread. Cheap: its lock is only held to insert or to swap.
#[derive(Clone)]
pub struct Recorder(Arc<Shared>);

struct Shared {
    inbox: Mutex<Inbox>,
    news: Condvar,
}

#[derive(Default)]
struct Inbox {
    /// The last change of each object since the thread last took them: bounded by the number of objects.
    changes: HashMap<ObjectRef, Change>,
    /// Whether everything that the API server has was noted. Nothing is written before.
    is_complete: bool,
    /// Whether the objects are known to be current at this moment.
    is_current: bool,
    is_closed: bool,
}

impl Recorder {
    /// Notes an object that was created, changed or deleted.
    pub fn note(&self, change: Change) {
        let mut inbox = self.lock();
        inbox.changes.insert(change.object().clone(), change);
        // Before everything is complete nothing is written, so the thread need not wake up.
        if inbox.is_complete && inbox.changes.len() == 1 {
            self.0.news.notify_one();
        }
    }

    /// Everything that the API server has was noted. From now on the file is written.
    pub fn set_complete(&self) {
        self.lock().is_complete = true;
        self.0.news.notify_one();
    }

    /// Whether the changes of all objects arrive at present, so that what was noted is current.
    pub fn set_current(&self, is_current: bool) {
        self.lock().is_current = is_current;
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.0.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that writes.
pub struct Writer {
    recorder: Recorder,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts it. Nothing is written before `set_complete`.
    pub fn start(path: PathBuf, metrics: Arc<Metrics>) -> io::Result<Self> {
        let inbox = Inbox { is_current: true, ..Inbox::default() };
        let recorder = Recorder(Arc::new(Shared { inbox: Mutex::new(inbox), news: Condvar::new() }));
        let thread = std::thread::Builder::new().name("saved-objects".into()).spawn({
            let recorder = recorder.clone();
            move || work(&recorder, &path, &metrics)
        })?;
        Ok(Self { recorder, thread })
    }

    /// Where changes go.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Writes what is not written yet and ends. Blocks for as long as that takes.
    pub fn finish(self) {
        self.recorder.lock().is_closed = true;
        self.recorder.0.news.notify_one();
        if self.thread.join().is_err() {
            tracing::error!("the thread that saves objects ended with a panic");
        }
    }
}

fn work(recorder: &Recorder, path: &Path, metrics: &Metrics) {
    let mut objects = Objects::default();
    let (mut is_written, mut was_failing) = (false, false);
    let mut pause = Duration::ZERO;
    loop {
        let news = wait(recorder, pause, !is_written);
        is_written &= !take_in(&mut objects, news.changes.into_values());
        pause = PAUSE;
        if news.is_complete && !is_written {
            let start = Instant::now();
            match replace(&objects, path) {
                Ok(bytes) => {
                    let took = start.elapsed();
                    pause = PAUSE.max(took * PAUSE_FACTOR);
                    metrics.configuration().saved_objects_written(SystemTime::now(), bytes);
                    tracing::debug!(bytes, ?took, "the objects are saved");
                    (is_written, was_failing) = (true, false);
                }
                Err(error) => {
                    metrics.configuration().saved_objects_failed();
                    if !was_failing {
                        tracing::warn!(path = %path.display(), %error, "the objects cannot be saved");
                    }
                    was_failing = true;
                }
            }
        } else if is_written && news.is_current {
            confirm(path);
        }
        if news.is_closed {
            return;
        }
    }
}

/// Applies changes. Returns whether any of them makes a difference. An object that is as before is not replaced: the
/// controller does not replace it either, and both share it.
fn take_in(objects: &mut Objects, changes: impl Iterator<Item = Change>) -> bool {
    let mut differs = false;
    for change in changes {
        differs |= objects.apply(change) != Applied::AsBefore;
    }
    differs
}

/// Waits for the pause to end and then for something to do, and takes it. The end cuts every wait short.
fn wait(recorder: &Recorder, pause: Duration, is_due: bool) -> Inbox {
    let inbox = recorder.lock();
    let news = &recorder.0.news;
    let (inbox, _) =
        news.wait_timeout_while(inbox, pause, |inbox| !inbox.is_closed).unwrap_or_else(PoisonError::into_inner);
    let is_idle = |inbox: &mut Inbox| !(inbox.is_closed || inbox.is_complete && (is_due || !inbox.changes.is_empty()));
    let (mut inbox, _) = news.wait_timeout_while(inbox, CONFIRM, is_idle).unwrap_or_else(PoisonError::into_inner);
    let changes = std::mem::replace(&mut inbox.changes, HashMap::new());
    let Inbox { changes: _, is_complete, is_current, is_closed } = *inbox;
    Inbox { changes, is_complete, is_current, is_closed }
}

/// Writes a new file and renames it, so that readers find either the old or the new one as a whole.
fn replace(objects: &Objects, path: &Path) -> io::Result<u64> {
    let name = path.file_name().ok_or_else(|| io::Error::other("the path has no file name"))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(".new");
    let temporary = path.with_file_name(temporary);
    // A crash may have left one behind. It is removed and not opened, because it may be a link to another file.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let written = write(objects, SystemTime::now(), file).and_then(|bytes| {
        fs::rename(&temporary, path)?;
        Ok(bytes)
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Says that a file that needs no writing is current, by its modification time.
fn confirm(path: &Path) {
    let touched = OpenOptions::new().write(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(error) = touched {
        tracing::debug!(path = %path.display(), %error, "the time of the saved objects cannot be set");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::objects::{IngressClass, Object};

    #[test]
    fn an_object_that_arrives_again_is_not_kept_twice() {
        let class = || Arc::new(IngressClass::new("a", "x"));
        let (first, again) = (class(), class());
        let mut objects = Objects::default();
        let change = |class: &Arc<IngressClass>| [Change::arrival(Object::IngressClass(Arc::clone(class)))].into_iter();
        assert!(take_in(&mut objects, change(&first)));
        assert!(!take_in(&mut objects, change(&again)));
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&again)), (2, 1));
    }
}

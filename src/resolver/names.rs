//! All names that are followed: which are asked for now, and what is told of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout};

use super::Settings;
use super::followed::{Answer, Followed};
use super::lookup::Client;
use crate::model::{ExternalName, LookupFailure, Resolution};
use crate::observe::Metrics;
use crate::source::Event;

type Outcome = Result<Answer, LookupFailure>;

/// The names, and the look-ups that are under way.
pub(super) struct Names {
    settings: Settings,
    metrics: Arc<Metrics>,
    client: Option<Client>,
    followed: BTreeMap<ExternalName, Followed>,
    /// Names beyond the limit that this was told of, by the number they were wanted with.
    too_many: BTreeMap<ExternalName, u64>,
    lookups: JoinSet<Outcome>,
    asked: HashMap<Id, ExternalName>,
}

impl Names {
    /// None yet.
    pub(super) fn new(settings: Settings, metrics: Arc<Metrics>) -> Self {
        Self {
            settings,
            metrics,
            client: None,
            followed: BTreeMap::new(),
            too_many: BTreeMap::new(),
            lookups: JoinSet::new(),
            asked: HashMap::new(),
        }
    }

    /// Follows the names that are wanted, until nobody is there to want or hear of any.
    pub(super) async fn follow(
        mut self,
        mut wanted: watch::Receiver<BTreeMap<ExternalName, u64>>,
        events: mpsc::Sender<Event>,
    ) {
        wanted.mark_changed();
        loop {
            let due = self.next_due();
            let news = tokio::select! {
                changed = wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let wanted = wanted.borrow_and_update().clone();
                    self.want(wanted)
                }
                Some(ended) = self.lookups.join_next_with_id() => self.ended(ended),
                () = due => Vec::new(),
            };
            for (name, resolution) in news {
                if events.send(Event::Resolved(name, resolution)).await.is_err() {
                    return;
                }
            }
            self.ask();
        }
    }

    /// From now on these names are followed, each wanted with a number. Returns what is known of those that are wanted anew.
    fn want(&mut self, wanted: BTreeMap<ExternalName, u64>) -> Vec<(ExternalName, Resolution)> {
        self.followed.retain(|name, _| wanted.contains_key(name));
        self.too_many.retain(|name, _| wanted.contains_key(name));
        let mut news = Vec::new();
        for (name, number) in wanted {
            if let Some(followed) = self.followed.get_mut(&name) {
                if followed.number != number {
                    followed.number = number;
                    news.extend(followed.told().map(|told| (name, told.clone())));
                }
            } else if self.followed.len() < self.settings.names {
                self.too_many.remove(&name);
                self.followed.insert(name, Followed::new(number, Instant::now()));
            } else if self.too_many.insert(name.clone(), number) != Some(number) {
                tracing::warn!(%name, limit = self.settings.names, "an external name is not resolved: there are too many");
                self.metrics.dns().looked_up(Some(LookupFailure::TooManyNames));
                news.push((name, Resolution::failed(LookupFailure::TooManyNames)));
            }
        }
        self.metrics.dns().set_names(self.followed.len());
        news
    }

    /// Starts the look-ups that are due, as many as may run.
    fn ask(&mut self) {
        let now = Instant::now();
        let mut due: Vec<_> = self
            .followed
            .iter()
            .filter_map(|(name, followed)| followed.due.filter(|due| *due <= now).map(|due| (due, name.clone())))
            .collect();
        due.sort_unstable();
        due.truncate(self.settings.at_a_time.saturating_sub(self.lookups.len()));
        for (_, name) in due {
            let client = self.client();
            if let Some(followed) = self.followed.get_mut(&name) {
                followed.due = None;
            }
            let (asked, deadline) = (name.clone(), self.settings.deadline);
            let task = self.lookups.spawn(async move {
                let client = client?;
                timeout(deadline, client.lookup(&name)).await.unwrap_or(Err(LookupFailure::Timeout))
            });
            self.asked.insert(task.id(), asked);
        }
    }

    /// The client. If there is none, because `resolv.conf` could not be read, that is tried again with each look-up.
    fn client(&mut self) -> Result<Client, LookupFailure> {
        if self.client.is_none() {
            match Client::new(self.settings.server) {
                Ok(client) => self.client = Some(client),
                Err(error) => tracing::debug!(%error, "there is no DNS server to ask"),
            }
        }
        self.client.clone().ok_or(LookupFailure::NoServer)
    }

    /// Waits until a look-up is due and may run; for ever if there is none.
    fn next_due(&self) -> impl Future<Output = ()> + use<> {
        let may_run = self.lookups.len() < self.settings.at_a_time;
        let next = self.followed.values().filter_map(|followed| followed.due).min().filter(|_| may_run);
        async move {
            match next {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Takes in what came of a look-up. Returns what there is to tell.
    fn ended(&mut self, ended: Result<(Id, Outcome), JoinError>) -> Vec<(ExternalName, Resolution)> {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome),
            // The library did not get along with an answer.
            Err(error) => (error.id(), Err(LookupFailure::Malformed)),
        };
        self.metrics.dns().looked_up(outcome.as_ref().err().copied());
        let Some(name) = self.asked.remove(&id) else { return Vec::new() };
        let Some(followed) = self.followed.get_mut(&name) else { return Vec::new() };
        let before = followed.told().cloned();
        match followed.take(outcome, Instant::now(), &self.settings) {
            Some(told) => {
                log(&name, before.as_ref(), told);
                vec![(name, told.clone())]
            }
            None => Vec::new(),
        }
    }
}

/// One line for each change of state. Addresses may change with every answer.
fn log(name: &ExternalName, before: Option<&Resolution>, now: &Resolution) {
    let Resolution { addresses, failure } = now;
    match failure {
        Some(failure) if addresses.is_empty() => {
            tracing::warn!(%name, reason = failure.as_str(), "an external name cannot be resolved");
        }
        Some(failure) => tracing::warn!(
            %name,
            reason = failure.as_str(),
            "an external name cannot be resolved at present: its former addresses are used for some time"
        ),
        None if before.is_none_or(|before| before.failure.is_some()) => {
            tracing::info!(%name, ?addresses, "an external name is resolved");
        }
        None => tracing::debug!(%name, ?addresses, "an external name has other addresses"),
    }
}

//! Whether a password is right, for basic authentication.
//!
//! A hash takes up to a second by intention, and shards must not wait for it. So a few threads of low priority compute hashes, one
//! after the other. What waits for them is bounded, lists of users take turns, and a wait has a deadline. What was right before
//! is remembered until its list of users differs. How often a client may be wrong is limited. Nothing here knows requests.

mod attempts;
mod check;
mod des_crypt;
mod letters;
mod md5_crypt;
mod queue;
mod recent;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use tokio::time::Instant;

use crate::model::{PasswordAnswer, Users};
use attempts::Attempts;
use check::is_right;
use queue::{Bounds, Job, Queue};
use recent::Recent;

/// Longest password. Bytes; longer ones are wrong, as in musl. The time of SHA-crypt grows with the length.
const LONGEST: usize = 256;
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Right passwords that are remembered at least, if there are so many.
const REMEMBERED: usize = 8192;

/// A user's password, and who says it.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The users.
    pub users: &'a Arc<Users>,
    /// The name.
    pub name: &'a str,
    /// The password.
    pub password: &'a [u8],
    /// The address of the client.
    pub client: IpAddr,
}

/// Tells which passwords are right. A clone tells the same.
#[derive(Clone)]
pub struct Passwords(Arc<Desk>);

struct Desk {
    /// What passwords are remembered under. Nobody else has it.
    key: hmac::Key,
    right: Mutex<Recent<Proof, ()>>,
    attempts: Mutex<Attempts>,
    queue: Arc<Queue>,
}

/// Stands for a password of a user of a list, and tells nothing of it.
type Proof = [u8; 16];

impl Passwords {
    /// With so many threads, which start with the first password that needs them.
    pub fn new(threads: usize) -> Self {
        Self::bounded(Bounds { threads, ..Bounds::default() })
    }

    fn bounded(bounds: Bounds) -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Self(Arc::new(Desk {
            key: key.expect("the system gives random numbers, as TLS needs them too"),
            right: Mutex::new(Recent::new(REMEMBERED)),
            attempts: Mutex::default(),
            queue: Queue::new(bounds),
        }))
    }

    /// Whether the password is right. Answers at once where it was right before or the hash is a cheap one.
    pub async fn answer(&self, attempt: &Attempt<'_>) -> PasswordAnswer {
        let Attempt { users, name, password, client } = *attempt;
        if password.len() > LONGEST || password.contains(&0) {
            return PasswordAnswer::Wrong;
        }
        let Some(hash) = users.hash_of(name).or_else(|| users.decoy()) else { return PasswordAnswer::Wrong };
        let Desk { key, right, attempts, queue } = &*self.0;
        let proof = proof(key, users, name, password);
        let now = Instant::now();
        if lock(right).get(&proof, now).is_some() {
            return PasswordAnswer::Right;
        }
        let by = attempts::Place::new(client, users.identity());
        let waiting = match queue.join(&proof) {
            // Another request asks the same.
            Some(waiting) => Some(waiting),
            None => {
                if !lock(attempts).take(by, now) {
                    return PasswordAnswer::Limited;
                }
                let job = Job::new(hash, password, *users.identity());
                if hash.is_cheap() { None } else { Some(queue.add(proof, job)) }
            }
        };
        let found = match waiting {
            None => Some(is_right(hash, password)),
            Some(Err(_full)) => None,
            Some(Ok(answer)) => tokio::time::timeout(PATIENCE, answer).await.ok().and_then(Result::ok),
        };
        match found {
            // The hash of a name that is nobody's is another's.
            Some(is_right) if is_right && users.hash_of(name).is_some() => {
                lock(attempts).give_back(by);
                lock(right).insert(proof, (), Instant::now());
                PasswordAnswer::Right
            }
            Some(_) => PasswordAnswer::Wrong,
            None => PasswordAnswer::Busy,
        }
    }

    /// The most threads that have computed at once, and how many hashes were computed.
    pub fn work(&self) -> (usize, usize) {
        self.0.queue.work()
    }
}

impl Default for Passwords {
    /// With one thread.
    fn default() -> Self {
        Self::new(1)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// It differs where list, name or password differ.
fn proof(key: &hmac::Key, users: &Users, name: &str, password: &[u8]) -> Proof {
    let mut context = hmac::Context::with_key(key);
    context.update(users.identity());
    context.update(&(name.len() as u64).to_be_bytes());
    context.update(name.as_bytes());
    context.update(password);
    let mut proof = Proof::default();
    proof.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
    proof
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

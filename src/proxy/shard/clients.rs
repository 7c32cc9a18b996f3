//! The client connections of a shard: those that do least are closed when others need their place, and a drain wakes
//! the idle ones so that they close.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::task::Waker;

use tokio::task::AbortHandle;

use super::handover::Seat;
use crate::observe::ConnectionStates;
use crate::proxy::wire::client_mark::{ClientMark, Order, Standing};

/// Ticks for which a connection has done nothing before it is closed in favour of others: without a request, and with one.
const IDLE_TICKS: usize = 4;
const BUSY_TICKS: usize = 8;

/// The connections. Each has a place for its life.
#[derive(Default)]
pub(crate) struct Clients {
    places: RefCell<Vec<Option<Place>>>,
    free: RefCell<Vec<usize>>,
    order: Order,
    /// What was done last at each of the last ticks, the oldest first.
    ticks: Cell<[u64; BUSY_TICKS]>,
}

struct Place {
    mark: Rc<ClientMark>,
    /// Ends the connection's task, and so the connection.
    task: Option<AbortHandle>,
    /// Wakes an idle connection.
    waker: Option<Waker>,
    _seat: Seat,
}

/// A connection's place, until dropped.
pub(crate) struct Entered {
    clients: Rc<Clients>,
    index: usize,
    /// Where the connection writes down what it is doing.
    pub(crate) mark: Rc<ClientMark>,
}

impl Clients {
    /// Starts the task of a connection.
    pub(crate) fn start<F: Future<Output = ()> + 'static>(
        self: &Rc<Self>,
        seat: Seat,
        serve: impl FnOnce(Entered) -> F,
    ) {
        let mark = ClientMark::new(&self.order);
        let index = {
            let mut places = self.places.borrow_mut();
            let index = self.free.borrow_mut().pop().unwrap_or(places.len());
            if index == places.len() {
                places.push(None);
            }
            places[index] = Some(Place { mark: Rc::clone(&mark), task: None, waker: None, _seat: seat });
            index
        };
        let task = tokio::task::spawn_local(serve(Entered { clients: Rc::clone(self), index, mark }));
        // It has not run yet.
        if let Some(place) = &mut self.places.borrow_mut()[index] {
            place.task = Some(task.abort_handle());
        }
    }

    /// Time goes on: called at even intervals.
    pub(crate) fn tick(&self) {
        let mut ticks = self.ticks.get();
        ticks.rotate_left(1);
        ticks[BUSY_TICKS - 1] = self.order.get();
        self.ticks.set(ticks);
    }

    /// Closes the connections that have done nothing for the longest time, of those that `is_meant`. Tells how many: at most
    /// `count`. One that did something within the last four ticks stays, one with a request within the last eight: a shard
    /// that is late has looked at it since then.
    pub(crate) fn close_oldest(&self, count: usize, is_meant: impl Fn(Standing) -> bool) -> usize {
        let ticks = self.ticks.get();
        let before = |standing| match standing {
            Standing::New | Standing::Handshake | Standing::Idle => ticks[BUSY_TICKS - IDLE_TICKS],
            Standing::Busy | Standing::Waiting | Standing::Tunnel => ticks[0],
        };
        let places = self.places.borrow();
        let mut oldest: Vec<(u64, &AbortHandle)> = places
            .iter()
            .flatten()
            .filter(|place| place.mark.last() <= before(place.mark.standing()) && is_meant(place.mark.standing()))
            .filter_map(|place| Some((place.mark.last(), place.task.as_ref().filter(|task| !task.is_finished())?)))
            .collect();
        if oldest.len() > count && count > 0 {
            oldest.select_nth_unstable_by_key(count - 1, |(last, _)| *last);
        }
        oldest.truncate(count);
        for (_, task) in &oldest {
            task.abort();
        }
        oldest.len()
    }

    /// How many do this.
    pub(crate) fn count(&self, standing: Standing) -> usize {
        self.places.borrow().iter().flatten().filter(|place| place.mark.standing() == standing).count()
    }

    /// What they do, in the words of nginx. Those that have sent nothing yet are awaited.
    pub(crate) fn states(&self) -> ConnectionStates {
        let mut states = ConnectionStates::default();
        for place in self.places.borrow().iter().flatten() {
            match place.mark.standing() {
                Standing::Handshake => states.reading += 1,
                Standing::New | Standing::Idle => states.waiting += 1,
                Standing::Busy | Standing::Waiting | Standing::Tunnel => {}
            }
        }
        states
    }

    /// How many places there are: an upper bound for `wake`.
    pub(crate) fn bound(&self) -> usize {
        self.places.borrow().len()
    }

    /// Wakes the tasks with an index in the range. A task that is not idle finds nothing to do.
    pub(crate) fn wake(&self, range: std::ops::Range<usize>) {
        let places = self.places.borrow();
        let end = range.end.min(places.len());
        for place in places.get(range.start..end).into_iter().flatten().flatten() {
            if let Some(waker) = &place.waker {
                waker.wake_by_ref();
            }
        }
    }
}

impl Entered {
    /// A drain wakes the connection by this.
    pub(crate) fn is_woken_by(&self, waker: &Waker) {
        if let Some(place) = &mut self.clients.places.borrow_mut()[self.index] {
            place.waker = Some(waker.clone());
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let left = self.clients.places.borrow_mut()[self.index].take();
        self.clients.free.borrow_mut().push(self.index);
        // Outside of the borrow: the last handle of a task frees it.
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::task::{LocalSet, yield_now};

    use super::super::connections::Connections;
    use super::super::handover::Handover;
    use super::*;

    fn start(clients: &Rc<Clients>, standing: Standing) -> Rc<ClientMark> {
        let mut mark = None;
        let seat = Handover::default().join(0).0.seat(Connections::default().count());
        clients.start(seat, |entered| {
            entered.mark.stands(standing);
            mark = Some(Rc::clone(&entered.mark));
            async move {
                let _entered = entered;
                pending::<()>().await;
            }
        });
        mark.unwrap()
    }

    #[tokio::test]
    async fn who_did_nothing_for_longest_is_closed_first_and_nobody_who_just_did_something() {
        let all = async {
            let clients = Rc::<Clients>::default();
            let marks: Vec<_> = (0..10).map(|_| start(&clients, Standing::Idle)).collect();
            let _tunnel = start(&clients, Standing::Tunnel);
            yield_now().await;
            let is_idle = |standing| standing == Standing::Idle;
            assert_eq!(clients.close_oldest(3, is_idle), 0, "all have just come");
            (0..IDLE_TICKS - 1).for_each(|_| clients.tick());
            assert_eq!(clients.close_oldest(3, is_idle), 0, "they may be about to do something");
            clients.tick();
            marks[0].touch();
            assert_eq!(clients.close_oldest(3, is_idle), 3);
            yield_now().await;
            let left: Vec<bool> = marks.iter().map(|mark| Rc::strong_count(mark) > 1).collect();
            assert_eq!(left, [true, false, false, false, true, true, true, true, true, true]);
            assert_eq!(clients.close_oldest(100, is_idle), 6, "not the one that did something, nor the tunnel");
            yield_now().await;
            assert_eq!((clients.count(Standing::Idle), clients.count(Standing::Tunnel)), (1, 1));
            assert_eq!(clients.bound(), 11);
            start(&clients, Standing::Busy);
            assert_eq!(clients.bound(), 11, "places are used again");
        };
        LocalSet::new().run_until(all).await;
    }
}

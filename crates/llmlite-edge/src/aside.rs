//! Work that would hold up everybody on a thread of the runtime: done beside them, and not much of
//! it at once.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// Up to so many bytes of a body are worked on where they arrive, which takes milliseconds.
pub(crate) const SMALL: usize = 1 << 20;
/// So many bytes of larger bodies are worked on at a time; the others wait. Meanwhile the worst of
/// them, with very many very small parts, take about thirty times their length of memory.
const AT_ONCE: usize = 32 << 20;
/// What the places of a semaphore stand for: it has too few for bytes.
const PAGE: usize = 1 << 10;

/// Does long work on threads of its own.
pub(crate) struct Aside {
    work: TaskTracker,
    room: Arc<Semaphore>,
}

impl Aside {
    /// Tells `work` of what is done here.
    pub(crate) fn new(work: TaskTracker) -> Self {
        Self {
            work,
            room: Arc::new(Semaphore::new(AT_ONCE / PAGE)),
        }
    }

    /// Does `job`, which works on so many bytes, when there is room for it; `None` if it panicked.
    ///
    /// Once begun it is done to its end, whether anybody waits for it or not.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        // One that is larger than all the room gets all of it.
        let pages = bytes.min(AT_ONCE).div_ceil(PAGE);
        let room = Arc::clone(&self.room);
        let place = room.acquire_many_owned(u32::try_from(pages).ok()?).await;
        let place = place.ok()?;
        let done = self.work.spawn_blocking(move || {
            let done = job();
            drop(place);
            done
        });
        done.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[tokio::test]
    async fn work_is_done_on_another_thread_and_a_panic_ends_only_the_job() {
        let aside = Aside::new(TaskTracker::new());
        let here = thread::current().id();
        let there = aside.run(usize::MAX, || thread::current().id()).await;
        assert!(there.is_some_and(|there| there != here));
        let none: Option<()> = aside.run(1, || panic!("a bug")).await;
        assert_eq!(none, None);
        assert_eq!(aside.run(AT_ONCE, || 7).await, Some(7));
    }

    #[tokio::test]
    async fn what_there_is_no_room_for_waits_also_when_nobody_waits_for_what_is_done() {
        let aside = Aside::new(TaskTracker::new());
        let (go_on, gate) = mpsc::channel::<()>();
        let mut first = Box::pin(aside.run(AT_ONCE / 2, move || gate.recv()));
        tokio::select! {
            biased;
            _ = &mut first => panic!("its gate is closed"),
            () = std::future::ready(()) => drop(first),
        }
        let mut second = Box::pin(aside.run(AT_ONCE / 2 + 1, || ()));
        tokio::select! {
            biased;
            _ = &mut second => panic!("there is no room for it"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(aside.work.len(), 1, "only the first has begun");
        go_on.send(()).unwrap();
        assert_eq!(second.await, Some(()));
    }
}

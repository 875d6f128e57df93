//! Threads of their own on which passwords are hashed: few, and of lower priority than those that serve.
//!
//! A thread's priority stays with it, so these come from no pool in which they would do other work later.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{Semaphore, oneshot};

use crate::error::{Error, Result};

/// By how much they are nicer than the thread that starts them: a third of the weight. Who serves goes first, and
/// hashes still get on where every core is taken.
#[cfg(target_os = "linux")]
const NICER: i32 = 5;

type Job = Box<dyn FnOnce() + Send>;

/// The threads; clones share them. They end with the last clone.
#[derive(Debug, Clone)]
pub struct HashThreads {
    admitted: Arc<Semaphore>,
    jobs: Sender<Job>,
}

impl HashThreads {
    /// As many threads as `parallel`, with room for `waiting` jobs more.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(parallel: usize, waiting: usize) -> io::Result<Self> {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..parallel {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name("hash".to_owned())
                .spawn(move || serve(&queue))?;
        }
        Ok(Self {
            admitted: Arc::new(Semaphore::new(parallel + waiting)),
            jobs,
        })
    }

    /// Runs the work on one of them. Its place in the queue goes with it: a caller that hangs up frees nothing while it
    /// runs, and what waits for a caller that has gone is not run.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already, and those of the work.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let place = Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map_err(|_| Error::Busy(1))?;
        let (answer, answered) = oneshot::channel();
        let job = move || {
            let _place = place;
            if !answer.is_closed() {
                // Who hung up meanwhile does not want to know.
                drop(answer.send(work()));
            }
        };
        let sent = self.jobs.send(Box::new(job));
        sent.map_err(|_| Error::internal("no thread that hashes is left"))?;
        answered.await.map_err(Error::internal)?
    }
}

/// Does one job after the other, until nobody can bring one any more.
fn serve(queue: &Mutex<Receiver<Job>>) {
    step_back();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // The caller hears of it, since no answer comes; the thread goes on.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a hash broke down");
        }
    }
}

/// Lowers the priority of this thread. On Linux it is a thread's own; elsewhere it would be that of the whole program.
#[cfg(target_os = "linux")]
fn step_back() {
    if let Err(failure) = rustix::process::nice(NICER) {
        tracing::warn!(error.chain = %failure, "passwords are hashed at the priority of everything else");
    }
}

/// Elsewhere all threads have one priority.
#[cfg(not(target_os = "linux"))]
fn step_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn they_are_nicer_than_who_serves_and_nobody_else_becomes_so() {
        let priority =
            || rustix::process::getpriority_process(None).map_err(|failure| Error::internal(failure.to_string()));
        let before = priority().expect("a priority");
        let threads = HashThreads::start(2, 2).expect("threads");
        for _ in 0..4 {
            let theirs = threads.run(priority).await.expect("a priority");
            assert_eq!(theirs, (before + NICER).min(19));
        }
        assert_eq!(priority().expect("a priority"), before);
        let pooled = tokio::task::spawn_blocking(priority).await.expect("an answer");
        assert_eq!(pooled.expect("a priority"), before);
    }

    #[tokio::test]
    async fn whoever_finds_the_queue_full_is_sent_away() {
        let threads = HashThreads::start(1, 1).expect("threads");
        let (go, wait) = channel::<()>();
        let slow = threads.run(move || wait.recv().map_err(Error::internal));
        let second = threads.run(|| Ok(()));
        let third = async {
            let refused = threads.run(|| Ok(())).await;
            go.send(()).expect("somebody waits");
            refused
        };
        let (slow, second, third) = tokio::join!(slow, second, third);
        assert!(slow.is_ok() && second.is_ok());
        assert!(matches!(third, Err(Error::Busy(1))));
        assert!(threads.run(|| Ok(())).await.is_ok(), "there is room again");
    }

    #[tokio::test]
    async fn who_hung_up_while_waiting_costs_no_work() {
        let threads = HashThreads::start(1, 2).expect("threads");
        let (go, wait) = channel::<()>();
        let (tell, told) = channel::<()>();
        let slow = threads.run(move || wait.recv().map_err(Error::internal));
        let (kept, gone) = tokio::join!(slow, async {
            let gone = threads.run(move || tell.send(()).map_err(Error::internal));
            // Asked once, which queues it, and dropped.
            let waits = futures_util::future::poll_immediate(gone).await.is_none();
            go.send(()).expect("somebody waits");
            waits
        });
        assert!(gone && kept.is_ok());
        threads.run(|| Ok(())).await.expect("an answer");
        assert!(told.recv().is_err(), "it was never run, and is gone");
    }

    #[tokio::test]
    async fn work_that_breaks_down_takes_no_thread_along() {
        let threads = HashThreads::start(1, 1).expect("threads");
        let broken = threads.run::<()>(|| panic!("planted")).await;
        assert!(matches!(broken, Err(Error::Internal(_))));
        assert_eq!(threads.run(|| Ok(7)).await.expect("an answer"), 7);
    }
}

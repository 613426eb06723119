//! Threads for what may wait: the resolver, files, people. Bounded, started when there is work, and
//! gone again after a while without.

use core::mem;
use core::time::Duration;
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// How long a thread waits for more work before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// Jobs that wait beside those that run. More is an attack or a resolver that is down; either way
/// an answer now is worth more than one in minutes.
pub(super) const QUEUED_MAX: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// A bounded set of threads with a bounded queue.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads_max: usize,
    name: &'static str,
}

/// No room for another job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Full;

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: Closed,
    /// Of threads that may still run.
    handles: Vec<JoinHandle<()>>,
}

#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Closed {
    #[default]
    No,
    Yes,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Shared")
    }
}

impl Pool {
    pub(super) fn new(name: &'static str, threads_max: usize) -> Self {
        Self {
            shared: Arc::default(),
            threads_max,
            name,
        }
    }

    /// Runs a job as soon as a thread is free.
    pub(super) fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Full> {
        let mut queue = self.shared.lock();
        if queue.jobs.len() >= QUEUED_MAX {
            return Err(Full);
        }
        // An idle thread that was woken and has not run yet still counts as idle.
        if queue.idle <= queue.jobs.len() && queue.threads < self.threads_max {
            let shared = Arc::clone(&self.shared);
            let started = thread::Builder::new()
                .name(self.name.to_owned())
                .spawn(move || shared.serve());
            match started {
                Ok(handle) => {
                    queue.threads += 1;
                    queue.handles.retain(|handle| !handle.is_finished());
                    queue.handles.push(handle);
                }
                Err(_) if queue.threads > 0 => {} // one that runs will come to it
                Err(_) => return Err(Full),
            }
        }
        queue.jobs.push_back(Box::new(job));
        drop(queue);
        self.shared.work.notify_one();
        Ok(())
    }
}

impl Pool {
    /// Waits until its threads are gone: jobs that wait are dropped, those that run are waited for.
    pub(super) fn join(&self) {
        let handles = self.shared.close();
        for handle in handles {
            let _ = handle.join(); // panics of jobs are caught where they run
        }
        self.shared.lock().closed = Closed::No;
    }
}

impl Drop for Pool {
    /// Threads end when their job does; nobody waits for one that the resolver holds.
    fn drop(&mut self) {
        drop(self.shared.close());
    }
}

impl Shared {
    /// Lets no thread begin another job, and gives those that there are.
    fn close(&self) -> Vec<JoinHandle<()>> {
        let mut queue = self.lock();
        queue.closed = Closed::Yes;
        queue.jobs.clear();
        let handles = mem::take(&mut queue.handles);
        drop(queue);
        self.work.notify_all();
        handles
    }

    /// A panic of a job is caught outside the lock, so a poisoned one still holds good values.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        let mut queue = self.lock();
        loop {
            if queue.closed == Closed::Yes {
                break;
            }
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                // The job's owner hears nothing of a panic and runs into its time limit.
                let _ = panic::catch_unwind(AssertUnwindSafe(job));
                queue = self.lock();
                continue;
            }
            queue.idle += 1;
            let (woken, waited) = self
                .work
                .wait_timeout(queue, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            queue.idle -= 1;
            if waited.timed_out() && queue.jobs.is_empty() {
                break;
            }
        }
        queue.threads -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Jobs that run until the sender is dropped.
    fn blocker() -> (
        mpsc::Sender<()>,
        impl Fn() -> Box<dyn FnOnce() + Send> + 'static,
    ) {
        let (sender, receiver) = mpsc::channel::<()>();
        let receiver = Arc::new(Mutex::new(receiver));
        (sender, move || {
            let receiver = Arc::clone(&receiver);
            Box::new(move || drop(receiver.lock().map(|r| r.recv())))
        })
    }

    #[test]
    fn jobs_run_and_answers_come_back() {
        let pool = Pool::new("test", 4);
        let (sender, receiver) = mpsc::channel();
        for i in 0..50 {
            let sender = sender.clone();
            while pool
                .submit({
                    let sender = sender.clone();
                    move || sender.send(i).unwrap()
                })
                .is_err()
            {
                thread::yield_now();
            }
            drop(sender);
        }
        drop(sender);
        let mut all: Vec<i32> = receiver.iter().collect();
        all.sort_unstable();
        assert_eq!(all, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn no_more_threads_and_no_longer_queue_than_the_limits() {
        let pool = Pool::new("test", 2);
        let (hold, job) = blocker();
        let (started, has_started) = mpsc::channel();
        for _ in 0..2 {
            let (job, started) = (job(), started.clone());
            pool.submit(move || {
                started.send(()).unwrap();
                job();
            })
            .unwrap();
        }
        for _ in 0..2 {
            has_started.recv().unwrap();
        }
        for n in 0..QUEUED_MAX {
            assert_eq!(pool.submit(job()), Ok(()), "{n}");
        }
        assert_eq!(pool.submit(job()), Err(Full));
        assert_eq!(pool.shared.lock().threads, 2);
        drop(hold);
    }

    #[test]
    fn a_panic_in_a_job_costs_no_thread() {
        let pool = Pool::new("test", 1);
        let (sender, receiver) = mpsc::channel();
        pool.submit(|| panic!("a job's own fault")).unwrap();
        pool.submit(move || sender.send(1).unwrap()).unwrap();
        assert_eq!(receiver.recv(), Ok(1));
    }
}

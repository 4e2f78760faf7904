//! A thread that owns a probe, and a clock beside it.
//!
//! Takes jobs, gives their results; when a job says nothing for too long, or its driver panics, the caller learns that and
//! goes on. A probe whose cable is pulled can leave its driver waiting for ever; nobody at the bench should wait with it.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// What a job says while it works, and at its end.
enum Said<T> {
    Beat(u64),
    Done(T),
    Broken,
}

/// A thread that owns an `S`.
pub struct Worker<S> {
    jobs: Option<Sender<Job<S>>>,
    /// Closed once the thread has given back what it owned.
    over: Receiver<()>,
}

/// Tells the caller how far a job is, and that it lives.
pub struct Beat<'b>(&'b mut dyn FnMut(u64));

impl Beat<'_> {
    /// So much is done.
    pub fn reach(&mut self, done: u64) {
        (self.0)(done);
    }
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gone {
    /// It said nothing for too long.
    Silent(Duration),
    /// Its driver failed.
    Broken,
}

impl<S: 'static> Worker<S> {
    /// Starts a thread that opens its `S` itself. It is waited for at most `first` until it beats, and `then` after that.
    pub fn start<E: Send + 'static>(
        first: Duration,
        then: Duration,
        open: impl FnOnce(&mut Beat<'_>) -> Result<S, E> + Send + 'static,
    ) -> Result<Result<Self, E>, Gone> {
        let (jobs, inbox) = mpsc::channel::<Job<S>>();
        let (ending, over) = mpsc::channel();
        let (opened, answer) = mpsc::channel();
        quiet_about_probes();
        let thread = thread::Builder::new().name(NAME.to_owned());
        let started = thread.spawn(move || {
            let _ending: Sender<()> = ending;
            alarm(&opened);
            let mut tell = |done| {
                let _nobody = opened.send(Said::Beat(done));
            };
            let mut owned = match open(&mut Beat(&mut tell)) {
                Ok(owned) => owned,
                Err(error) => {
                    let _nobody = opened.send(Said::Done(Err(error)));
                    return;
                }
            };
            let _nobody = opened.send(Said::Done(Ok(())));
            drop(opened);
            while let Ok(job) = inbox.recv() {
                // What a driver leaves behind when it gives up is only let go of.
                if catch_unwind(AssertUnwindSafe(|| job(&mut owned))).is_err() {
                    break;
                }
            }
            GAVE_UP.set(false);
            let _broken = catch_unwind(AssertUnwindSafe(|| drop(owned)));
        });
        started.map_err(|_| Gone::Broken)?;
        let mut limit = first;
        loop {
            match answer.recv_timeout(limit) {
                Ok(Said::Beat(_)) => limit = then,
                Ok(Said::Done(opened)) => {
                    return Ok(opened.map(|()| Self {
                        jobs: Some(jobs),
                        over,
                    }));
                }
                Err(RecvTimeoutError::Timeout) => return Err(Gone::Silent(limit)),
                Ok(Said::Broken) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(Gone::Broken);
                }
            }
        }
    }

    /// Has a job done. It may take as long as it likes, as long as it beats at least once every `limit`.
    pub fn ask<T: Send + 'static>(
        &mut self,
        limit: Duration,
        sent: &mut dyn FnMut(u64),
        job: impl FnOnce(&mut S, &mut Beat<'_>) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (say, hear) = mpsc::channel();
        let job: Job<S> = Box::new(move |owned| {
            alarm(&say);
            // Every beat wakes the caller, who may take the processor that the probe works on.
            let (mut last, mut held) = (None::<Instant>, None);
            let mut tell = |done| {
                if last.is_some_and(|last| last.elapsed() < OFTEN) {
                    held = Some(done);
                    return;
                }
                (last, held) = (Some(Instant::now()), None);
                let _nobody = say.send(Said::Beat(done));
            };
            let result = job(owned, &mut Beat(&mut tell));
            if let Some(done) = held {
                let _nobody = say.send(Said::Beat(done));
            }
            let _nobody = say.send(Said::Done(result));
        });
        let jobs = self.jobs.as_ref().ok_or(Gone::Broken)?;
        jobs.send(job).map_err(|_| Gone::Broken)?;
        loop {
            match hear.recv_timeout(limit) {
                Ok(Said::Beat(done)) => sent(done),
                Ok(Said::Done(result)) => return Ok(result),
                Err(RecvTimeoutError::Timeout) => {
                    self.jobs = None;
                    return Err(Gone::Silent(limit));
                }
                Ok(Said::Broken) | Err(RecvTimeoutError::Disconnected) => {
                    self.jobs = None;
                    return Err(Gone::Broken);
                }
            }
        }
    }
}

thread_local! {
    /// Tells whoever waits for this thread that its driver gave up.
    static ALARM: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
    /// Whether its driver gave up, and is letting go of its chip.
    static GAVE_UP: Cell<bool> = const { Cell::new(false) };
}

fn alarm<T: 'static>(say: &Sender<Said<T>>) {
    let say = say.clone();
    let ring = move || {
        let _nobody = say.send(Said::Broken);
    };
    ALARM.with(|alarm| *alarm.borrow_mut() = Some(Box::new(ring)));
}

/// A driver that gives up panics, and lets go of its chip on the way out; its own last words say nothing to anyone at a bench.
/// One that panics again on that way would end the whole program: its thread stops right there, for ever, and whoever waits
/// for it is told.
fn quiet_about_probes() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |about| {
            if thread::current().name() != Some(NAME) {
                return loud(about);
            }
            if GAVE_UP.replace(true) {
                ALARM.with(|alarm| {
                    if let Some(ring) = &*alarm.borrow() {
                        ring();
                    }
                });
                loop {
                    thread::park();
                }
            }
        }));
    });
}

impl<S> Drop for Worker<S> {
    fn drop(&mut self) {
        // A probe that still answers lets go of its chip properly; one that does not is left behind.
        if self.jobs.take().is_some() {
            let _over = self.over.recv_timeout(LETTING_GO);
        }
    }
}

const NAME: &str = "probe";
/// How often a caller hears of progress at most.
const OFTEN: Duration = Duration::from_millis(30);
const LETTING_GO: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(100);

    #[test]
    fn a_job_that_beats_may_take_its_time_and_one_that_is_silent_may_not() {
        let mut worker = Worker::start(SOON, SOON, |_| Ok::<_, ()>(1_u64))
            .unwrap()
            .unwrap();
        let mut heard = Vec::new();
        let done = worker.ask(SOON, &mut |done| heard.push(done), |owned, beat| {
            for step in 1..=4 {
                thread::sleep(Duration::from_millis(40));
                beat.reach(step);
            }
            *owned += 1;
            *owned
        });
        assert_eq!(done, Ok(2));
        assert_eq!(heard, [1, 2, 3, 4]);
        let slow = worker.ask(SOON, &mut |_| {}, |_, _| {
            thread::sleep(Duration::from_secs(1));
        });
        assert_eq!(slow, Err(Gone::Silent(SOON)));
        assert_eq!(
            worker.ask(SOON, &mut |_| {}, |owned, _| *owned),
            Err(Gone::Broken)
        );
    }

    #[test]
    fn a_driver_that_panics_even_while_it_lets_go_ends_nothing_but_its_job() {
        // The thread stays where it stopped, in the hook of panics, and the harness of tests takes that hook back at its end: it
        // would wait for ever. So this happens in a process of its own, which ends like `cuff` does.
        if std::env::var_os(ALONE).is_some() {
            let kept = catch_unwind(a_driver_clings).is_ok();
            std::process::exit(if kept { KEPT } else { 1 });
        }
        let name = concat!(
            "device::probe::worker::tests::",
            "a_driver_that_panics_even_while_it_lets_go_ends_nothing_but_its_job"
        );
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", name])
            .env(ALONE, "1")
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(KEPT));
    }

    const ALONE: &str = "CUFF_TEST_ALONE";
    /// No harness ends with this by itself, not even one that finds no test of that name.
    const KEPT: i32 = 42;

    fn a_driver_clings() {
        struct Clings;
        impl Drop for Clings {
            fn drop(&mut self) {
                assert!(!thread::panicking(), "it clings to its chip");
            }
        }
        let mut worker = Worker::start(SOON, SOON, |_| Ok::<_, ()>(1_u64))
            .unwrap()
            .unwrap();
        let broken = worker.ask(20 * SOON, &mut |_| {}, |owned, _| {
            let _clings = Clings;
            assert_eq!(*owned, 2, "it gives up");
        });
        assert_eq!(broken, Err(Gone::Broken));
        let opened = Worker::<u8>::start(20 * SOON, SOON, |_| -> Result<u8, ()> {
            let _clings = Clings;
            panic!("it gives up at once")
        });
        assert!(matches!(opened, Err(Gone::Broken)));
    }

    #[test]
    fn what_cannot_be_opened_is_said_and_what_never_opens_is_not_waited_for() {
        assert!(matches!(
            Worker::<u8>::start(SOON, SOON, |_| Err("no")).unwrap(),
            Err("no")
        ));
        let never = Worker::<u8>::start(SOON, SOON, |_| {
            thread::sleep(Duration::from_secs(1));
            Err(())
        });
        assert!(matches!(never, Err(Gone::Silent(_))));
        let slowly = Worker::start(SOON, 20 * SOON, |beat| {
            beat.reach(0);
            thread::sleep(3 * SOON);
            Ok::<u8, ()>(1)
        });
        assert!(matches!(slowly, Ok(Ok(_))));
    }
}

//! A row of steps that are run, timed and told about at the end.
//!
//! Takes named closures; gives a table and whether all of them passed. By default nothing runs after a failure.

use std::time::{Duration, Instant};

use anyhow::{Error, Result, bail};

/// The steps so far.
pub struct Steps {
    keep_going: bool,
    done: Vec<(&'static str, Outcome)>,
}

enum Outcome {
    Passed(Duration),
    Failed(Duration, Error),
    NotRun,
}

impl Steps {
    /// No step yet.
    pub const fn new(keep_going: bool) -> Self {
        Self {
            keep_going,
            done: Vec::new(),
        }
    }

    /// Runs a step, unless an earlier one failed.
    pub fn step(&mut self, name: &'static str, task: impl FnOnce() -> Result<()>) {
        if self.failed() > 0 && !self.keep_going {
            self.done.push((name, Outcome::NotRun));
            return;
        }
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = match task() {
            Ok(()) => Outcome::Passed(start.elapsed()),
            Err(error) => {
                eprintln!("error: {name}: {error:#}");
                Outcome::Failed(start.elapsed(), error)
            }
        };
        self.done.push((name, outcome));
    }

    /// Prints the table; an error if a step failed.
    pub fn finish(self) -> Result<()> {
        println!("\n{:<28} {:>8}  result", "step", "seconds");
        for (name, outcome) in &self.done {
            match outcome {
                Outcome::Passed(time) => println!("{name:<28} {:>8.1}  ok", time.as_secs_f64()),
                Outcome::Failed(time, error) => {
                    println!("{name:<28} {:>8.1}  FAILED: {error:#}", time.as_secs_f64());
                }
                Outcome::NotRun => println!("{name:<28} {:>8}  not run", "-"),
            }
        }
        let failed = self.failed();
        let passed = self
            .done
            .iter()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Passed(_)))
            .count();
        println!("\nsteps: {passed} passed, {failed} failed");
        if failed > 0 {
            bail!("not everything holds");
        }
        Ok(())
    }

    fn failed(&self) -> usize {
        self.done
            .iter()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Failed(..)))
            .count()
    }
}

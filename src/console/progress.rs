//! Progress on standard error, for whoever looks.
//!
//! Invisible when standard error is no terminal, with `--quiet` and with `--json`; it is gone when the work is done.

use std::borrow::Cow;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::safe;

/// A bar that counts bytes, or anything else that has a total.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(label: &str, total: u64, hidden: bool) -> Self {
        // indicatif hides the bar itself when standard error is no terminal.
        let target = if hidden {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let style = ProgressStyle::with_template("{msg} [{bar:24}] {percent:>3}%  {eta} left");
        bar.set_style(
            style
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> "),
        );
        bar.set_message(Cow::Owned(safe(label).to_string()));
        Self(bar)
    }

    /// So much of the total is done.
    pub fn reach(&self, done: u64) {
        self.0.set_position(done);
    }

    /// Says something else on standard error meanwhile, without the bar in its way.
    pub fn aside(&self, say: impl FnOnce()) {
        self.0.suspend(say);
    }

    /// So much more is done.
    pub fn advance(&self, more: u64) {
        self.0.inc(more);
    }
}

/// Several bars that never write into each other's lines.
#[derive(Debug)]
pub struct Bars(MultiProgress);

impl Bars {
    pub(super) fn new(hidden: bool) -> Self {
        Self(MultiProgress::with_draw_target(if hidden {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        }))
    }

    /// One more bar.
    pub fn bar(&self, label: &str) -> Progress {
        let bar = Progress::new(label, 0, true);
        Progress(self.0.add(bar.0.clone()))
    }
}

impl Progress {
    /// What is being done, and how far it is.
    pub fn say(&self, label: &str, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
        self.0.set_message(Cow::Owned(safe(label).to_string()));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

//! How far a check has come, for whoever waits before a terminal.

use coilgun_storage::recovery::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// A bar on standard error while it is a terminal, and otherwise nothing.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar for the log with this number.
    pub(super) fn new(number: u32) -> Bar {
        let template = "{prefix} {wide_bar} {binary_bytes}/{binary_total_bytes} {eta}";
        let style = ProgressStyle::with_template(template).expect("the template is a constant");
        // Hidden unless standard error is a terminal.
        Bar(ProgressBar::new(0).with_style(style).with_prefix(format!("log {number}")))
    }

    /// Shows how far it has come.
    pub(super) fn show(&self, progress: Progress) {
        self.0.set_length(progress.total_bytes);
        self.0.set_position(progress.done_bytes.min(progress.total_bytes));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

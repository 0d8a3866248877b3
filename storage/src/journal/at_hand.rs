//! Footers and files of sealed segments that were read last.

use std::collections::VecDeque;
use std::rc::Rc;

use super::reading::AT_HAND_MAX;
use crate::format::{Footer, SegmentSequence};

/// What readers of sealed segments need again and again; the oldest goes first.
#[derive(Debug)]
pub(super) struct AtHand<F> {
    footers: VecDeque<(SegmentSequence, Rc<Footer>)>,
    files: VecDeque<(SegmentSequence, Rc<F>)>,
}

impl<F> Default for AtHand<F> {
    fn default() -> AtHand<F> {
        AtHand { footers: VecDeque::new(), files: VecDeque::new() }
    }
}

impl<F> AtHand<F> {
    pub(super) fn footer(&self, segment: SegmentSequence) -> Option<Rc<Footer>> {
        find(&self.footers, segment)
    }

    pub(super) fn file(&self, segment: SegmentSequence) -> Option<Rc<F>> {
        find(&self.files, segment)
    }

    pub(super) fn keep_footer(&mut self, segment: SegmentSequence, footer: Rc<Footer>) {
        keep(&mut self.footers, segment, footer);
    }

    pub(super) fn keep_file(&mut self, segment: SegmentSequence, file: Rc<F>) {
        keep(&mut self.files, segment, file);
    }

    /// Nothing of the segments up to `last` is there any more.
    pub(super) fn release(&mut self, last: SegmentSequence) {
        self.footers.retain(|(segment, _)| *segment > last);
        self.files.retain(|(segment, _)| *segment > last);
    }

    /// Lets all files go, so that they can be closed.
    pub(super) fn clear(&mut self) {
        self.footers.clear();
        self.files.clear();
    }
}

fn find<T>(kept: &VecDeque<(SegmentSequence, Rc<T>)>, segment: SegmentSequence) -> Option<Rc<T>> {
    let found = kept.iter().find(|(of, _)| *of == segment);
    found.map(|(_, kept)| Rc::clone(kept))
}

fn keep<T>(kept: &mut VecDeque<(SegmentSequence, Rc<T>)>, segment: SegmentSequence, one: Rc<T>) {
    // Two readers may have looked for the same one at the same time.
    kept.retain(|(of, _)| *of != segment);
    if kept.len() == AT_HAND_MAX {
        kept.pop_front();
    }
    kept.push_back((segment, one));
}

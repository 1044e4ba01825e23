//! What a search may cost: one budget for all keys of a history.

/// So many states are searched in a history unless the caller sets another limit.
pub const MOST_STATES: usize = 10_000_000;

/// So many states are searched between two questions whether to go on.
const OFTEN: usize = 1 << 12;

/// States, and a caller that may end the search earlier.
pub struct Budget<'a> {
    most: usize,
    spent: usize,
    is_over: bool,
    may_go_on: Box<dyn FnMut(usize) -> bool + 'a>,
}

impl<'a> Budget<'a> {
    /// So many states.
    #[must_use]
    pub fn states(most: usize) -> Self {
        Self::watched(most, |_| true)
    }

    /// So many states; every few thousand, with the count so far, the caller says whether to go on.
    #[must_use]
    pub fn watched(most: usize, may_go_on: impl FnMut(usize) -> bool + 'a) -> Self {
        Self { most, spent: 0, is_over: false, may_go_on: Box::new(may_go_on) }
    }

    /// One more state, if that is allowed.
    pub(super) fn spend(&mut self) -> bool {
        if self.is_over || self.spent >= self.most {
            return false;
        }
        self.spent += 1;
        if self.spent.is_multiple_of(OFTEN) {
            self.is_over = !(self.may_go_on)(self.spent);
        }
        !self.is_over
    }

    /// What is not searching, and costs as much as so many states.
    pub(super) fn charge(&mut self, states: usize) {
        self.spent = self.spent.saturating_add(states).min(self.most);
    }

    /// Whether a search ended because there is nothing left of it.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.is_over || self.spent >= self.most
    }

    /// What ended it, in words.
    pub(super) fn end(&self) -> String {
        let what = if self.is_over { "the time was over after" } else { "more than" };
        format!("{what} {} states", self.spent)
    }
}

//! Which of the devices that announce the same two digits to try.

/// Devices that are tried for one code.
pub const MOST_CANDIDATES: usize = 3;

/// Devices nearby that say they show the code's first two digits, in the order they were heard.
///
/// Anyone can announce those digits. Each device that is tried gets one guess at the code, so at most three are, each
/// only when the person asks for it; fifty false ones do not make fifty guesses.
#[derive(Debug)]
pub struct Candidates<T> {
    waiting: std::vec::IntoIter<T>,
}

impl<T> Candidates<T> {
    /// Keeps the first three.
    pub fn new(heard: impl IntoIterator<Item = T>) -> Self {
        Self { waiting: heard.into_iter().take(MOST_CANDIDATES).collect::<Vec<_>>().into_iter() }
    }

    /// The one to try now, because a person just clicked. None when all were tried: make a new code, or use the link.
    pub fn clicked(&mut self) -> Option<T> {
        self.waiting.next()
    }

    /// How many may still be tried.
    #[must_use]
    pub fn left(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_fifty_evil_twins_three_are_tried_one_a_click() {
        let mut drawn = 0;
        let mut candidates = Candidates::new((0..50).inspect(|_| drawn += 1));
        let tried: Vec<i32> = (0..50).filter_map(|_click| candidates.clicked()).collect();
        assert_eq!(tried, [0, 1, 2]);
        assert_eq!(candidates.left(), 0);
        assert!(drawn <= 4, "nor is more than that kept");
    }
}

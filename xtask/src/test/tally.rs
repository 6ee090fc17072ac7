//! Counting: what test runners print, as numbers.

/// What came out of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) skipped: u32,
    /// One line each: what failed, what was skipped and why.
    pub(crate) notes: Vec<String>,
}

impl Tally {
    /// One check that is done or not.
    pub(crate) fn check(name: &str, ok: bool) -> Self {
        if ok { Self { passed: 1, ..Self::default() } } else { Self::broken(&format!("{name} failed")) }
    }

    /// One failure with its reason.
    pub(crate) fn broken(reason: &str) -> Self {
        Self { failed: 1, notes: vec![reason.to_owned()], ..Self::default() }
    }

    /// Adds another one.
    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.notes.extend(other.notes.iter().cloned());
    }

    /// Rust's test harness (`test result: ok. 3 passed; 0 failed; 1 ignored; …`) and the laboratory's runner
    /// (`3 passed, 0 failed, 1 skipped`). What is `#[ignore = "not a test: …"]`, a measurement or a part that another
    /// test starts, is not counted at all.
    pub(crate) fn of_rust(ok: bool, text: &str) -> Self {
        let mut tally = Self::default();
        let mut no_tests = 0;
        for line in text.lines() {
            if line.starts_with("test result: ") || is_plain_sum(line) {
                tally.passed += number_before(line, " passed");
                tally.failed += number_before(line, " failed");
                tally.skipped += number_before(line, " ignored") + number_before(line, " skipped");
                tally.skipped = tally.skipped.saturating_sub(std::mem::take(&mut no_tests));
            } else if let Some((name, result)) =
                line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... "))
            {
                if result.starts_with("ignored, not a test: ") {
                    no_tests += 1;
                    continue;
                }
                match result.split_once([' ', ':', ',']).map_or(result, |(word, _)| word) {
                    "FAILED" => {
                        tally.notes.push(format!("failed: {name}{}", result.trim_start_matches("FAILED")))
                    }
                    "skipped" | "ignored" => tally.notes.push(format!("{result} · {name}")),
                    _ => {}
                }
            }
        }
        tally.settle(ok)
    }

    /// Vitest: `Tests  1 failed | 12 passed | 1 skipped (14)`.
    pub(crate) fn of_vitest(ok: bool, text: &str) -> Self {
        let mut tally = Self::default();
        for line in text.lines() {
            let line = line.trim();
            if let Some(counts) = line.strip_prefix("Tests ") {
                tally.passed += number_before(counts, " passed");
                tally.failed += number_before(counts, " failed");
                tally.skipped += number_before(counts, " skipped") + number_before(counts, " todo");
            } else if let Some(name) = line.strip_prefix("FAIL ") {
                tally.notes.push(format!("failed: {}", name.trim()));
            }
        }
        tally.settle(ok)
    }

    /// A runner that ended badly without a failed test, or well without any test, has failed all the same.
    fn settle(mut self, ok: bool) -> Self {
        if !ok && self.failed == 0 {
            self.failed = 1;
            self.notes.push("the runner ended with an error".into());
        } else if ok && self.passed + self.skipped == 0 {
            self.failed = 1;
            self.notes.push("no test ran".into());
        }
        self
    }
}

/// The number in front of the first `word`, 0 when there is none.
fn number_before(text: &str, word: &str) -> u32 {
    let Some((before, _)) = text.split_once(word) else { return 0 };
    before.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn is_plain_sum(line: &str) -> bool {
    let words: Vec<&str> = line.split(", ").collect();
    let counts = |part: &str, word: &str| {
        part.strip_suffix(word)
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    };
    matches!(words.as_slice(), [p, f, s] if counts(p, " passed") && counts(f, " failed") && counts(s, " skipped"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(tally: &Tally) -> (u32, u32, u32) {
        (tally.passed, tally.failed, tally.skipped)
    }

    #[test]
    fn several_results_of_the_rust_harness_are_added_up_and_failures_named() {
        let text = "test a::b ... ok\ntest a::c ... FAILED\n\
                    test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
                    test result: ok. 30 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let tally = Tally::of_rust(false, text);
        assert_eq!(numbers(&tally), (42, 1, 2));
        assert_eq!(tally.notes, ["failed: a::c"]);
    }

    #[test]
    fn what_says_that_it_is_no_test_is_not_counted_and_what_is_only_ignored_is() {
        let text = "test a ... ignored, not a test: a measurement\ntest b ... ignored, flaky\n\
                    test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured\n";
        let tally = Tally::of_rust(true, text);
        assert_eq!(numbers(&tally), (1, 0, 1));
        assert_eq!(tally.notes, ["ignored, flaky · b"]);
    }

    #[test]
    fn a_scenario_of_the_laboratory_that_skips_is_counted_as_skipped_with_its_reason() {
        let text =
            "test lab::x ... ok (1.0 s)\ntest lab::y ... skipped: no rights\n1 passed, 0 failed, 1 skipped\n";
        let tally = Tally::of_rust(true, text);
        assert_eq!(numbers(&tally), (1, 0, 1));
        assert_eq!(tally.notes, ["skipped: no rights · lab::y"]);
        let text = "test lab::x ... FAILED (2.0 s): page 2 is missing\n0 passed, 1 failed, 0 skipped\n";
        assert_eq!(Tally::of_rust(false, text).notes, ["failed: lab::x (2.0 s): page 2 is missing"]);
    }

    #[test]
    fn the_sum_of_vitest_is_understood() {
        let text = " Test Files  2 passed (2)\n      Tests  1 failed | 12 passed | 1 skipped (14)\n";
        assert_eq!(numbers(&Tally::of_vitest(false, text)), (12, 1, 1));
    }

    #[test]
    fn a_runner_that_ran_nothing_or_broke_off_has_failed() {
        assert_eq!(numbers(&Tally::of_rust(true, "no such test")), (0, 1, 0));
        assert_eq!(numbers(&Tally::of_rust(false, "test result: ok. 3 passed; 0 failed;\n")), (3, 1, 0));
    }
}

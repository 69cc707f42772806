//! The list of behaviours, with one row for each number.

use std::collections::{BTreeMap, BTreeSet};

use crate::parity::test_names::{exists, stands_for};

/// Precedes the reason if no test covers a behaviour.
const NONE: &str = "none: ";

/// All problems with the list, each with its fix.
pub fn problems(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut rows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (text, line) in page.lines().zip(1..) {
        let Some(cells) = text.strip_prefix("| ") else {
            continue;
        };
        let cells: Vec<_> = cells.split('|').map(str::trim).collect();
        let [number, behaviour, named, ""] = cells[..] else {
            problems.push(format!(
                "line {line}: a row has three cells, for the number, the behaviour and its tests"
            ));
            continue;
        };
        if matches!(number, "number" | "---") {
            continue;
        }
        if behaviour.is_empty() {
            problems.push(format!(
                "line {line}: write in one sentence what {number} is"
            ));
        }
        let named = match named.strip_prefix(NONE) {
            Some(reason) if !reason.is_empty() => Vec::new(),
            _ => named.split(", ").collect(),
        };
        problems.extend(named.iter().filter(|test| exists(test, tests) != Some(true)).map(
            |test| format!(
                "line {line}: {number} names no test with {test:?}: write names of test functions, each in backticks, or `{NONE}` and why"
            ),
        ));
        if rows.insert(number, named).is_some() {
            problems.push(format!(
                "line {line}: {number} has a row already: remove one of the two"
            ));
        }
    }
    for test in tests {
        for number in numbers(test) {
            match rows.get(&*number) {
                None => problems.push(format!(
                    "`{test}` has the number {number}, which has no row: add one, or correct the name of the test"
                )),
                Some(named) if !named.iter().any(|it| stands_for(it, test)) => {
                    problems.push(format!(
                        "`{test}` has the number {number}, whose row doesn't name it: add it there"
                    ));
                }
                Some(_) => {}
            }
        }
    }
    problems
}

/// The numbers at the start of a test's name: `parity_86_to_88_…` has three, `parity_s5_…` has S5.
fn numbers(test: &str) -> Vec<String> {
    let mut numbers: Vec<String> = Vec::new();
    let Some(name) = test.strip_prefix("parity_") else {
        return numbers;
    };
    let mut range = false;
    for word in name.split('_') {
        let (prefix, digits) = match word.strip_prefix('s') {
            Some(digits) => ("S", digits),
            None => ("", word),
        };
        if let Ok(number) = digits.parse::<u32>() {
            let last = numbers.last().and_then(|last| last.parse::<u32>().ok());
            let first = last.filter(|_| range).map_or(number, |last| last + 1);
            numbers.extend((first..=number).map(|number| format!("{prefix}{number}")));
        } else if !matches!(word, "and" | "to") {
            break;
        }
        range = word == "to";
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
| number | behaviour | tests |
| --- | --- | --- |
| 1 | It begins. | `parity_1_2_…` |
| 2 | It goes on. | `parity_1_2_both`, `other` |
| 3 | It sleeps. | none: nobody sleeps |
| S4 | It ends. | `parity_s4_ends` |
";

    fn check(page: &str) -> Vec<String> {
        let tests = ["other", "parity_1_2_both", "parity_s4_ends"].map(str::to_owned);
        problems(page, &tests.into())
    }

    #[test]
    fn a_whole_list_has_no_problem() {
        assert_eq!(check(PAGE), Vec::<String>::new());
    }

    #[test]
    fn each_problem_of_a_list_is_found_and_says_what_to_do() {
        for (old, new, expected) in [
            ("| S4 | It ends. | `parity_s4_ends` |\n", "", "has no row"),
            ("`other`", "`others`", "line 4: 2 names no test"),
            ("`other`", "other", "line 4: 2 names no test"),
            ("`parity_1_2_…`", "`parity_1…`", "line 3: 1 names no test"),
            ("`parity_1_2_…`", "`other`", "number 1, whose row doesn't"),
            ("none: nobody sleeps", "", "line 5: 3 names no test"),
            ("none: nobody sleeps", "none: ", "line 5: 3 names no test"),
            ("| 3 |", "| 2 |", "line 5: 2 has a row already"),
            ("It sleeps.", "", "line 5: write in one sentence what 3 is"),
            (
                "It sleeps. |",
                "It sleeps.",
                "line 5: a row has three cells",
            ),
        ] {
            let page = PAGE.replace(old, new);
            assert_ne!(page, PAGE);
            let problems = check(&page);
            assert!(
                problems.iter().any(|it| it.contains(expected)),
                "{expected}: {problems:?}"
            );
        }
    }

    #[test]
    fn numbers_stand_at_the_beginning_of_a_name() {
        for (name, expected) in [
            ("parity_7_146_a_mode", &["7", "146"][..]),
            ("parity_120_and_121_what", &["120", "121"]),
            ("parity_86_to_89_dropping", &["86", "87", "88", "89"]),
            ("parity_107_s1_close", &["107", "S1"]),
            ("parity_32_after_30_seconds", &["32"]),
            ("parity_s6_at_most_64", &["S6"]),
            ("a_turn_of_7", &[]),
        ] {
            assert_eq!(numbers(name), expected, "{name}");
        }
    }
}

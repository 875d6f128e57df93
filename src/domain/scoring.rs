//! Scoring applications: several assessors, each by the criteria of the edition, and what the mean of them is.

use std::collections::BTreeMap;

use super::enrolment::EnrolmentState;
use super::id::PersonId;

/// The most findings in one application, whoever found them and by whichever criteria: all of them come in one list,
/// without pages.
pub const FINDINGS_LIMIT: u64 = 100;

/// One assessor's finding, by the criteria with this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Whose.
    pub assessor: PersonId,
    /// By which of the edition's criteria.
    pub criteria: i64,
    /// The grade that follows from the scores, in thousandths of 100.
    pub points: i64,
}

impl EnrolmentState {
    /// Whether the application is scored: nobody has admitted or refused it for good.
    pub const fn takes_scores(self) -> bool {
        matches!(self, Self::Applied | Self::UnderReview | Self::Waitlisted)
    }
}

/// Which of the findings about an application count, the oldest first: the last one of each assessor, by the criteria
/// that the edition has now. Their places.
pub fn counting(findings: &[Finding], present: i64) -> Vec<usize> {
    let mut last: BTreeMap<PersonId, usize> = BTreeMap::new();
    for (place, finding) in findings.iter().enumerate() {
        if finding.criteria == present {
            last.insert(finding.assessor, place);
        }
    }
    let mut places: Vec<usize> = last.into_values().collect();
    places.sort_unstable();
    places
}

/// The mean of those that count, in thousandths of 100, rounded half up; `None` when there are none.
pub fn mean(findings: &[Finding], present: i64) -> Option<i64> {
    let places = counting(findings, present);
    let count = i64::try_from(places.len()).ok().filter(|count| *count > 0)?;
    let sum: i64 = places.iter().map(|&place| findings[place].points).sum();
    Some((sum * 2 + count) / (count * 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn finding(assessor: u128, criteria: i64, points: i64) -> Finding {
        Finding {
            assessor: PersonId(Uuid::from_u128(assessor)),
            criteria,
            points,
        }
    }

    #[test]
    fn the_last_word_of_each_assessor_counts() {
        let all = [
            finding(1, 1, 10_000),
            finding(2, 1, 20_000),
            finding(1, 1, 40_000),
            finding(3, 2, 99_000),
        ];
        assert_eq!(counting(&all, 1), [1, 2]);
        assert_eq!(mean(&all, 1), Some(30_000));
        assert_eq!(mean(&all, 2), Some(99_000));
        assert_eq!(mean(&all, 3), None);
        assert_eq!(mean(&[finding(1, 1, 1), finding(2, 1, 2)], 1), Some(2), "half up");
    }

    proptest! {
        #[test]
        fn a_mean_lies_between_the_least_and_the_most_of_what_counts(
            found in proptest::collection::vec((0_u128..4, 1_i64..3, 0_i64..=100_000), 0..12),
        ) {
            let made = found.iter().map(|&(who, criteria, points)| finding(who, criteria, points));
            let all: Vec<Finding> = made.collect();
            for present in 1..3 {
                let places = counting(&all, present);
                let mut assessors: Vec<PersonId> = places.iter().map(|&place| all[place].assessor).collect();
                assessors.sort();
                assessors.dedup();
                prop_assert_eq!(assessors.len(), places.len(), "each assessor once");
                let points: Vec<i64> = places.iter().map(|&place| all[place].points).collect();
                match mean(&all, present) {
                    None => prop_assert!(points.is_empty()),
                    Some(mean) => {
                        let sum: i64 = points.iter().sum();
                        let count = i64::try_from(points.len()).expect("few");
                        // Exact up to half a thousandth.
                        prop_assert!((mean * count - sum).abs() * 2 <= count);
                    }
                }
            }
        }
    }
}

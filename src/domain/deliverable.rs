//! Deliverables and rubrics: what is asked for, and how it is judged.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::text::{Comment, Title};
use crate::error::{Code, Fault, Faults};

words! {
    /// What kind of work is asked for.
    DeliverableKind {
        /// A plan that the team carries out at home.
        Roadmap = "roadmap",
        /// A project of the team.
        Project = "project",
        /// A task of each participant.
        IndividualTask = "individual_task",
    }
}

impl DeliverableKind {
    /// Whether a team answers, rather than each participant.
    pub const fn is_team_work(self) -> bool {
        matches!(self, Self::Roadmap | Self::Project)
    }

    /// Whether the statistics count it among the works: a task of a single participant is none.
    pub const fn is_counted(self) -> bool {
        matches!(self, Self::Roadmap | Self::Project)
    }
}

/// One level of a criterion. Points are thousandths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// What reaching the level is called.
    pub title: String,
    /// Thousandths of a point.
    pub points: i64,
}

/// One thing that an assessor looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Criterion {
    /// A short key, unique in the rubric.
    pub key: String,
    /// What is looked at.
    pub title: String,
    /// How to look at it.
    pub description: String,
    /// The levels, from low to high.
    pub levels: Vec<Level>,
}

/// The criteria by which a deliverable is assessed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rubric {
    /// At least one.
    pub criteria: Vec<Criterion>,
}

/// The level chosen for one criterion: its position, from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// The criterion's key.
    pub criterion: String,
    /// The level's position in the criterion, from 0.
    pub level: usize,
}

/// The most deliverables of an edition: all of them come in one list, without pages.
pub const DELIVERABLES_LIMIT: u64 = 50;
/// The most criteria of a rubric.
pub const CRITERIA_LIMIT: usize = 30;
/// The most levels of a criterion.
pub const LEVELS_LIMIT: usize = 10;
/// The most points of a level, and of all criteria together, in thousandths.
pub const POINTS_LIMIT: i64 = 1_000_000;
/// The highest grade, in thousandths of a point out of 100.
pub const GRADE_LIMIT: i64 = 100_000;

impl Rubric {
    /// Everything that is wrong with the rubric, by path below `rubric`.
    pub fn check(&self) -> Faults {
        let mut faults = Faults::default();
        if self.criteria.is_empty() {
            faults.push(Fault::at("rubric", Code::Required));
        }
        if self.criteria.len() > CRITERIA_LIMIT {
            faults.push(Fault::at("rubric", Code::TooLong).with(CRITERIA_LIMIT));
        }
        for (place, criterion) in self.criteria.iter().enumerate() {
            let at = |field: &str| format!("rubric.{place}.{field}");
            if self.criteria[..place].iter().any(|other| other.key == criterion.key) {
                faults.push(Fault::at(&at("key"), Code::Repeated));
            }
            if criterion.levels.len() < 2 {
                faults.push(Fault::at(&at("levels"), Code::TooShort).with(2));
            }
            if criterion.levels.len() > LEVELS_LIMIT {
                faults.push(Fault::at(&at("levels"), Code::TooLong).with(LEVELS_LIMIT));
            }
            // Levels go up: each lies above the one before it.
            let mut least = 0;
            for (step, level) in criterion.levels.iter().enumerate() {
                if !(least..=POINTS_LIMIT).contains(&level.points) {
                    let limits = format!("{}.{:03}–{}", least / 1000, least % 1000, POINTS_LIMIT / 1000);
                    faults.push(Fault::at(&at(&format!("levels.{step}.points")), Code::OutOfRange).with(limits));
                    break;
                }
                least = level.points + 1;
            }
        }
        if self.is_too_heavy() {
            faults.push(Fault::at("rubric", Code::OutOfRange).with(format!("≤ {}", POINTS_LIMIT / 1000)));
        }
        faults
    }

    /// Whether more can be reached than a rubric may give. What a level gives beyond the limit is said of it alone.
    fn is_too_heavy(&self) -> bool {
        let highest = |criterion: &Criterion| criterion.levels.iter().map(|level| level.points).max();
        let highest = self.criteria.iter().filter_map(highest);
        highest.map(|points| points.clamp(0, POINTS_LIMIT)).sum::<i64>() > POINTS_LIMIT
    }

    /// The most points that can be reached, in thousandths.
    pub fn most(&self) -> i64 {
        self.criteria
            .iter()
            .map(|criterion| {
                criterion
                    .levels
                    .iter()
                    .map(|level| level.points)
                    .max()
                    .unwrap_or_default()
            })
            .sum()
    }

    /// The grade of a set of scores: points reached of points possible, in thousandths of 100, rounded
    /// half up.
    ///
    /// # Errors
    /// [`Code::RubricMismatch`] unless there is exactly one score for each criterion and every level exists.
    pub fn grade(&self, scores: &[Score]) -> Result<i64, Code> {
        if scores.len() != self.criteria.len() {
            return Err(Code::RubricMismatch);
        }
        let mut reached = 0;
        for criterion in &self.criteria {
            let score = scores
                .iter()
                .find(|score| score.criterion == criterion.key)
                .ok_or(Code::RubricMismatch)?;
            reached += criterion.levels.get(score.level).ok_or(Code::RubricMismatch)?.points;
        }
        let most = self.most();
        if most == 0 {
            return Err(Code::RubricMismatch);
        }
        Ok((reached * GRADE_LIMIT * 2 + most) / (most * 2))
    }
}

/// What a deliverable is before it is stored.
#[derive(Debug, Clone)]
pub struct DeliverableDraft {
    /// What kind of work.
    pub kind: DeliverableKind,
    /// Its title.
    pub title: Title,
    /// What to do.
    pub instructions: Comment,
    /// Until when it is to be handed in.
    pub due_at: DateTime<Utc>,
    /// Until when a late hand-in is taken.
    pub cut_off_at: DateTime<Utc>,
    /// Its share in the grade of the enrolment, relative to the other deliverables.
    pub weight: i64,
    /// How it is judged.
    pub rubric: Rubric,
}

impl DeliverableDraft {
    /// Everything that is wrong with it.
    pub fn check(&self) -> Faults {
        let mut faults = self.rubric.check();
        if self.cut_off_at < self.due_at {
            faults.push(Fault::at("cutOffAt", Code::DatesOutOfOrder).with(self.due_at.to_rfc3339()));
        }
        if !(1..=1000).contains(&self.weight) {
            faults.push(Fault::at("weight", Code::OutOfRange).with("1–1000"));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rubric(levels: &[&[i64]]) -> Rubric {
        let criteria = levels
            .iter()
            .enumerate()
            .map(|(place, points)| Criterion {
                key: format!("c{place}"),
                title: "A criterion".into(),
                description: String::new(),
                levels: points
                    .iter()
                    .map(|&points| Level {
                        title: "A level".into(),
                        points,
                    })
                    .collect(),
            })
            .collect();
        Rubric { criteria }
    }

    fn score(criterion: &str, level: usize) -> Score {
        Score {
            criterion: criterion.into(),
            level,
        }
    }

    #[test]
    fn a_grade_is_the_share_of_the_points() {
        let rubric = rubric(&[&[0, 5_000, 10_000], &[0, 20_000]]);
        assert_eq!(rubric.grade(&[score("c0", 1), score("c1", 1)]), Ok(83_333));
        assert_eq!(rubric.grade(&[score("c1", 1), score("c0", 2)]), Ok(100_000));
        assert_eq!(rubric.grade(&[score("c0", 1)]), Err(Code::RubricMismatch));
        assert_eq!(
            rubric.grade(&[score("c0", 1), score("c0", 1)]),
            Err(Code::RubricMismatch)
        );
        assert_eq!(
            rubric.grade(&[score("c0", 3), score("c1", 1)]),
            Err(Code::RubricMismatch)
        );
    }

    #[test]
    fn a_rubric_without_sense_is_refused() {
        assert!(rubric(&[]).check().check().is_err());
        assert!(rubric(&[&[0]]).check().check().is_err());
        assert!(rubric(&[&[5, 5]]).check().check().is_err());
        assert!(rubric(&[&[-1, 5]]).check().check().is_err());
        assert!(rubric(&[&[0, 5]]).check().check().is_ok());
        assert!(rubric(&[&[0, 600_000], &[0, 400_000]]).check().check().is_ok());
        assert!(rubric(&[&[0, 600_000], &[0, 400_001]]).check().check().is_err());
        assert!(rubric(&[&[0, i64::MAX], &[0, i64::MAX]]).check().check().is_err());
    }

    proptest! {
        #[test]
        fn a_grade_is_within_its_limits(points in proptest::collection::vec(1_i64..1000, 1..6), picks in proptest::collection::vec(0_usize..2, 6)) {
            let levels: Vec<Vec<i64>> = points.iter().map(|&top| vec![0, top * 1000]).collect();
            let slices: Vec<&[i64]> = levels.iter().map(Vec::as_slice).collect();
            let rubric = rubric(&slices);
            let scores: Vec<Score> = (0..points.len()).map(|place| score(&format!("c{place}"), picks[place])).collect();
            let grade = rubric.grade(&scores).expect("scores that fit the rubric");
            prop_assert!((0..=GRADE_LIMIT).contains(&grade));
            prop_assert_eq!(grade == GRADE_LIMIT, picks[..points.len()].iter().all(|&pick| pick == 1));
        }
    }
}

//! How teams, enrolments, editions and what was handed in fit together.

use std::collections::HashMap;

use super::keys::{At, Checker, Keys, Values};
use super::problem::{KeyProblem, Problem, TeamProblem};
use super::rows::{self, Keyed, WorkRow};
use super::{Edition, Team, Work};
use crate::domain::text::{Email, Name, ShortCode};

/// A team before its work is known.
pub(super) struct Gathered {
    pub line: u64,
    pub name: Name,
    pub edition_code: ShortCode,
    pub edition: usize,
    pub members: Vec<usize>,
}

/// In which line, and to which team, people were put by edition and address.
type Seen = HashMap<(ShortCode, Email), (u64, Name)>;

/// A cell of the file of teams.
fn in_teams(line: u64, column: &'static str) -> At {
    At {
        file: rows::TEAMS.file,
        line,
        column,
    }
}

/// What is wrong with a line whose person an earlier line put into a team: the same one, or another.
fn again(team: &Name, email: &Email, first: u64, other: &Name) -> Problem {
    if other == team {
        return Problem::Key(KeyProblem::Twice {
            key: format!("{team}, {email}"),
            line: first,
        });
    }
    Problem::Team(TeamProblem::OtherTeam {
        team: other.to_string(),
        line: first,
    })
}

impl Checker<'_> {
    /// Gathers the lines of each team.
    pub(super) fn teams(
        &mut self,
        edition_keys: &Keys<ShortCode>,
        enrolment_keys: &Keys<(ShortCode, Email)>,
    ) -> (Keys<Name>, Vec<Gathered>) {
        let (whole, rows) = self.rows(&rows::TEAMS, rows::members);
        let mut keys = Keys {
            file: rows::TEAMS.file,
            whole,
            known: HashMap::new(),
        };
        let mut teams: Vec<Gathered> = Vec::new();
        let mut seen = Seen::new();
        for Keyed { line, key: name, value } in rows {
            let Some((edition_code, email)) = value else {
                keys.known.entry(name).or_insert((line, None));
                continue;
            };
            let known = keys.known.get(&name).and_then(|(_, place)| *place);
            let place = known.unwrap_or_else(|| {
                let at = in_teams(line, "edition");
                let found = edition_keys.find(&edition_code, edition_code.as_ref(), at, self.findings);
                teams.push(Gathered {
                    line,
                    name: name.clone(),
                    edition_code: edition_code.clone(),
                    edition: found.unwrap_or(usize::MAX),
                    members: Vec::new(),
                });
                keys.known.insert(name.clone(), (line, Some(teams.len() - 1)));
                teams.len() - 1
            });
            self.member(
                &mut teams[place],
                line,
                (edition_code, email),
                enrolment_keys,
                &mut seen,
            );
        }
        (keys, teams)
    }

    /// Puts the person of a line into its team, unless the lines contradict each other.
    fn member(
        &mut self,
        team: &mut Gathered,
        line: u64,
        pair: (ShortCode, Email),
        enrolment_keys: &Keys<(ShortCode, Email)>,
        seen: &mut Seen,
    ) {
        if team.edition_code != pair.0 {
            let problem = TeamProblem::OtherEdition {
                edition: team.edition_code.to_string(),
                line: team.line,
            };
            in_teams(line, "edition").report(Problem::Team(problem), self.findings);
            return;
        }
        let at = in_teams(line, "email");
        if let Some((first, other)) = seen.get(&pair) {
            at.report(again(&team.name, &pair.1, *first, other), self.findings);
            return;
        }
        let known = enrolment_keys.known.get(&pair);
        if enrolment_keys.whole && known.is_none() && team.edition != usize::MAX {
            let problem = TeamProblem::NotEnrolled(pair.0.to_string());
            at.report(Problem::Team(problem), self.findings);
        }
        team.members.extend(known.and_then(|(_, place)| *place));
        seen.insert(pair, (line, team.name.clone()));
    }

    /// What each team handed in, by the position of its line among the values of the file.
    pub(super) fn works(
        &mut self,
        rows: Values<Name, WorkRow>,
        team_keys: &Keys<Name>,
        teams: &[Gathered],
        edition_keys: &Keys<ShortCode>,
        editions: &[Edition],
    ) -> Vec<Option<Work>> {
        let mut works = Vec::with_capacity(rows.len());
        for (line, team, row) in rows {
            let at = |column| At {
                file: rows::DELIVERABLES.file,
                line,
                column,
            };
            let known = team_keys
                .find(&team, team.as_ref(), at("team"), self.findings)
                .map(|place| &teams[place]);
            let found = edition_keys.find(&row.edition, row.edition.as_ref(), at("edition"), self.findings);
            if let Some(team) = known
                && team.edition_code != row.edition
            {
                let problem = TeamProblem::TeamOf {
                    edition: team.edition_code.to_string(),
                    line: team.line,
                };
                at("edition").report(Problem::Team(problem), self.findings);
            }
            if let Some(edition) = found.map(|place| &editions[place]) {
                if row.kind != edition.deliverable {
                    let problem = TeamProblem::OtherKind(edition.deliverable.word());
                    at("kind").report(Problem::Team(problem), self.findings);
                }
                if let Some(handed_in) = row.handed_in {
                    self.not_before(
                        at("submitted_on"),
                        handed_in.on,
                        "starts_on of the edition",
                        edition.starts_on,
                    );
                    self.not_after(
                        at("submitted_on"),
                        handed_in.on,
                        "ends_on of the edition",
                        edition.ends_on,
                    );
                }
            }
            works.push(Some(Work {
                line,
                title: row.title,
                handed_in: row.handed_in,
            }));
        }
        works
    }

    /// Joins each team with its work; a team without a line for it is reported.
    pub(super) fn with_works(
        &mut self,
        teams: Vec<Gathered>,
        keys: &Keys<Name>,
        works: &mut [Option<Work>],
    ) -> Vec<Team> {
        let mut joined = Vec::with_capacity(teams.len());
        for Gathered {
            line,
            name,
            edition,
            members,
            ..
        } in teams
        {
            if keys.whole && !keys.known.contains_key(&name) {
                let at = At {
                    file: rows::TEAMS.file,
                    line,
                    column: "team",
                };
                at.report(Problem::Team(TeamProblem::NoWork(name.to_string())), self.findings);
            }
            let place = keys.known.get(&name).and_then(|(_, place)| *place);
            if let Some(work) = place.and_then(|place| works[place].take()) {
                joined.push(Team {
                    line,
                    name,
                    edition,
                    members,
                    work,
                });
            }
        }
        joined
    }
}

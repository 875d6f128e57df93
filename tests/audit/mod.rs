//! The audit log: who may read what of it, what staff's reading leaves in it, and that no change of it stays hidden.

use chrono::TimeDelta;
use rumbo::domain::actor::Role;
use rumbo::domain::audit::Origin;
use rumbo::store::{access, seal};

use crate::support::app::TestApp;

mod chain;
mod entry;
mod looks;

/// What the tutor of a class asks about its team.
const TEAM: &str = "query LookAtTeam($id: ID!) { team(id: $id) { members { person { fullName email } } } }";

/// Seals what there is to seal, and returns how much it was.
async fn seal_all(test: &TestApp) -> usize {
    let sealed = seal::seal(&test.app.db, &test.app.clock, TimeDelta::minutes(1)).await;
    sealed.expect("it can be sealed")
}

/// Keeps records of somebody's looks at people, by their numbers.
async fn look(test: &TestApp, people: &[&[u32]]) {
    let records = people.iter().map(|people| access::Record {
        reader: None,
        origin: Origin::SYSTEM,
        operation: "Look".to_owned(),
        edition: None,
        reason: None,
        seen: vec![access::Seen {
            role: Role::Tutor,
            fields: 1,
            people: people.iter().copied().collect(),
        }],
    });
    let records: Vec<_> = records.collect();
    for some in records.chunks(500) {
        access::insert(test.app.db.alone(), &test.app.clock, some.to_vec())
            .await
            .expect("records");
    }
}

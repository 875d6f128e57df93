//! What each mutation is sent.

use rumbo::domain::actor::Role;
use rumbo::domain::edition::EditionState;
use rumbo::domain::enrolment::EnrolmentState;
use rumbo::store::table_import;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::cases::States;
use super::people::Viewer;
use super::world::World;
use crate::support::app::Client;
use crate::support::scene::{
    Plan, act, as_seen, done, edition_input, form_input, id_of, roadmap_input, rubric, scores,
};

impl World<'_> {
    /// What is sent, after everything that it needs was made ready.
    #[allow(clippy::too_many_lines, reason = "one arm a mutation")]
    pub(super) async fn input(&self, mutation: &str, viewer: &Viewer<'_>, states: States) -> Value {
        let class = &self.class;
        let carla = &class.coordinator;
        let work = json!({ "submissionId": self.submission });
        if mutation.starts_with("import") {
            self.forget_imports().await;
        }
        match mutation {
            "startReview" | "requestRevision" | "gradeSubmission" | "submitWork" => {
                let mut input = work;
                input["version"] = json!(self.version("submission", &self.submission).await);
                match mutation {
                    "requestRevision" => input["comment"] = json!("More"),
                    "gradeSubmission" => input["scores"] = scores(1, 1),
                    _ => {}
                }
                input
            }
            "releaseGrades" | "finalizeGrades" => {
                json!({ "submissions": as_seen(carla, json!([self.submission])).await })
            }
            "overrideGrade" | "reopenReview" => {
                let version = self.version("submission", &self.submission).await;
                let mut input = json!({ "submissionId": self.submission, "version": version, "reason": "An appeal" });
                if mutation == "overrideGrade" {
                    input["value"] = json!("70");
                }
                input
            }
            "saveDraft" => {
                let own = viewer
                    .client
                    .run("EditionDeliverables", json!({ "editionId": class.edition }))
                    .await;
                let asked = own.json["data"]["edition"]["deliverables"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let roadmap = asked.iter().find(|asked| asked["id"] == class.roadmap.as_str());
                let mine = roadmap.map(|asked| asked["mySubmission"].clone()).unwrap_or_default();
                let version = if mine["id"] == self.submission.as_str() {
                    json!(self.version("submission", &self.submission).await)
                } else {
                    mine["version"].clone()
                };
                json!({ "deliverableId": class.roadmap, "title": "Ours", "body": "In a year.", "version": version })
            }
            "acceptOffer" | "declineOffer" | "rankWaiting" => {
                let version = self.version("enrolment", &class.enrolments[0]).await;
                json!({ "enrolmentId": class.enrolments[0], "version": version })
            }
            "correctSnapshot" => {
                let version = self.version("enrolment", &class.enrolments[0]).await;
                // One that is not what the last one said.
                let countries = ["AR", "BO", "BR", "CL", "CO", "CR", "CU", "DO", "EC", "GT", "HN"];
                let country = countries[self.next() as usize % countries.len()];
                let declaration = json!({ "gender": "ANOTHER", "country": country, "constituentGroup": "OTHER" });
                json!({
                    "enrolmentId": class.enrolments[0], "version": version, "declaration": declaration, "reason": "So",
                })
            }
            "createSeatPool" => json!({ "editionId": class.edition, "country": "BR", "seats": 2 }),
            "changeSeatPool" | "removeSeatPool" => {
                let id = self.pool().await;
                let mut input = json!({ "seatPoolId": id, "version": 1 });
                if mutation == "changeSeatPool" {
                    input["seats"] = json!(3);
                }
                input
            }
            "withdrawEnrolment" | "decideEnrolment" => {
                let version = self.version("enrolment", &class.enrolments[0]).await;
                let mut input = json!({ "enrolmentId": class.enrolments[0], "version": version, "reason": "So" });
                if mutation == "decideEnrolment" {
                    input["decision"] = json!(decision(states.enrolment));
                }
                input
            }
            "decideEnrolments" => json!({
                "editionId": class.edition, "enrolments": as_seen(carla, json!([class.enrolments[0]])).await,
                "reason": "So", "decision": decision(states.enrolment),
            }),
            "undoDecision" => {
                let version = self.version("enrolment", &class.enrolments[0]).await;
                self.decided(states.enrolment, version).await;
                json!({ "enrolmentId": class.enrolments[0], "version": version, "reason": "So" })
            }
            "transferEnrolment" => {
                self.empty_target().await;
                let version = self.version("enrolment", &class.enrolments[0]).await;
                let (enrolment, to) = (&class.enrolments[0], &self.target);
                json!({ "enrolmentId": enrolment, "version": version, "editionId": to, "reason": "So" })
            }
            "setAdmissionCriteria" => {
                json!({ "editionId": class.edition, "version": self.criteria().await, "rubric": rubric() })
            }
            "scoreApplication" => {
                if self.criteria().await == 0 {
                    let input = json!({ "editionId": class.edition, "version": 0, "rubric": rubric() });
                    done(carla, "SetAdmissionCriteria", input).await;
                }
                let (enrolment, version) = (&class.enrolments[0], self.criteria().await);
                json!({ "enrolmentId": enrolment, "version": version, "scores": scores(1, 2), "comment": "Sound" })
            }
            "decideCompletion" => json!({ "enrolments": as_seen(carla, json!([class.enrolments[0]])).await }),
            "decideCompletionLate" => {
                let version = self.version("enrolment", &class.enrolments[0]).await;
                json!({ "enrolmentId": class.enrolments[0], "version": version, "reason": "So" })
            }
            "createCourse" => json!({ "course": course(&format!("N-{}", self.next())) }),
            "updateCourse" => json!({
                "courseId": self.course, "version": self.version("course", &self.course).await,
                "course": course("C-DEMO-2026"),
            }),
            "createEdition" => {
                let mut planned = edition_input(Plan::OPEN);
                planned["code"] = json!(format!("E-{}", self.next()));
                json!({ "courseId": self.course, "edition": planned })
            }
            "copyEdition" => {
                let code = format!("E-{}", self.next());
                json!({ "editionId": class.edition, "code": code, "startsOn": "2027-04-06" })
            }
            "updateEdition" | "moveEdition" => {
                let version = self.version("edition", &class.edition).await;
                if mutation == "updateEdition" {
                    return json!({ "editionId": class.edition, "version": version, "edition": edition_input(Plan::OPEN) });
                }
                let to = states.edition.next().first().copied().unwrap_or(EditionState::Draft);
                let to = to.word().to_uppercase();
                json!({ "editionId": class.edition, "version": version, "to": to, "reason": "So" })
            }
            "publishApplicationForm" => form_input(&class.edition, self.form().await.0),
            "stateConsent" => {
                if self.form().await.0 == 0 {
                    act(carla, "PublishApplicationForm", form_input(&class.edition, 0)).await;
                }
                json!({
                    "enrolmentId": class.enrolments[0], "purpose": "photos", "given": true, "language": "ES",
                    "textVersion": self.form().await.1,
                })
            }
            "createDeliverable" => roadmap_input(&class.edition),
            "updateDeliverable" => json!({
                "deliverableId": self.project, "version": self.version("deliverable", &self.project).await, "weight": 3,
            }),
            "createTeam" => json!({ "editionId": class.edition, "name": format!("Team {}", self.next()) }),
            "updateTeam" => json!({ "teamId": class.team, "version": self.version("team", &class.team).await }),
            "allocateTutor" => {
                if let Some(charge) = self.charge().await {
                    act(carla, "EndAllocation", json!({ "allocationId": charge })).await;
                }
                json!({ "teamIds": [class.team], "personId": id_of(&self.reserve) })
            }
            "endAllocation" => {
                if self.charge().await.is_none() {
                    class.allocate(&class.team, &self.reserve).await;
                }
                json!({ "allocationId": self.charge().await })
            }
            "grantRole" | "revokeRole" => {
                let input = json!({ "personId": id_of(&self.appointed), "role": "TUTOR", "scopeId": class.edition });
                let held = self.appointment.borrow().clone();
                let id = match held {
                    Some(id) => id,
                    None => act(carla, "GrantRole", input.clone())
                        .await
                        .text("grantRole.roleAssignment.id"),
                };
                if mutation == "grantRole" {
                    // Who was tutor here is somebody whom its coordinators see.
                    act(carla, "RevokeRole", json!({ "roleAssignmentId": id })).await;
                    *self.appointment.borrow_mut() = None;
                    return input;
                }
                *self.appointment.borrow_mut() = Some(id.clone());
                json!({ "roleAssignmentId": id })
            }
            "inviteToEdition" => {
                let mut input = self.guest();
                input["editionId"] = json!(class.edition);
                input
            }
            "inviteToRole" => self.guest_as_tutor(),
            "withdrawInvitation" | "resendInvitation" => {
                let made = act(carla, "InviteToRole", self.guest_as_tutor()).await;
                let id = made.text("inviteToRole.invitation.id");
                self.age(&id).await;
                json!({ "invitationId": id, "version": 1 })
            }
            "nominate" => {
                let mut input = self.guest();
                input["editionId"] = json!(class.edition);
                input["institutionId"] = json!(self.institution.to_string());
                input
            }
            "substituteNomination" | "endorseNomination" | "withdrawNomination" | "rankNomination" => {
                let mut input = match mutation {
                    "substituteNomination" => self.guest(),
                    "rankNomination" => json!({ "rank": 3 }),
                    _ => json!({}),
                };
                let endorses = mutation == "endorseNomination";
                input["nominationId"] = json!(self.nomination(states.nomination, endorses).await);
                input["version"] = json!(1);
                input
            }
            "createInstitution" => {
                json!({ "name": format!("Institution {}", self.next()), "country": "UY", "kind": "OTHER" })
            }
            "updateInstitution" => {
                let all = "{ institutions(first: 10) { nodes { id version } } }";
                let seen = carla.query(all, json!({})).await;
                let rows = seen.at("institutions.nodes").as_array().expect("a list").clone();
                let id = self.institution.to_string();
                let row = rows
                    .iter()
                    .find(|row| row["id"] == id.as_str())
                    .expect("the institution");
                json!({
                    "institutionId": id, "version": row["version"], "name": "INEFOP", "country": "UY", "kind": "OTHER",
                })
            }
            "proposeInstitution" => {
                json!({ "name": format!("Proposal {}", self.next()), "country": "UY", "kind": "OTHER" })
            }
            "acceptInstitution" => json!({
                "institutionId": self.proposal(states.institution).await, "version": 1,
                "name": format!("Accepted {}", self.next()), "country": "UY", "kind": "OTHER",
            }),
            "refuseInstitution" => json!({
                "institutionId": self.proposal(states.institution).await, "version": 1, "reason": "It is none",
            }),
            "mergeInstitution" => json!({
                "institutionId": self.proposal(states.institution).await, "version": 1,
                "intoId": self.institution.to_string(), "keepNames": false,
            }),
            "disableAccount" | "enableAccount" => {
                let input = json!({ "personId": id_of(&self.appointed), "reason": "So" });
                // The other way first, so that there is something to do.
                let before = if mutation == "disableAccount" {
                    "EnableAccount"
                } else {
                    "DisableAccount"
                };
                let of_all = |viewer: &&Viewer<'_>| viewer.holds(Role::Administrator);
                let administrator = self.viewers.iter().find(of_all).expect("an administrator");
                act(&administrator.client, before, input.clone()).await;
                input
            }
            "applyToEdition" => json!({ "editionId": class.edition }),
            "importEnrolments" => json!({ "editionId": class.edition, "dryRun": true }),
            "importNominations" => json!({
                "editionId": class.edition, "institutionId": self.institution.to_string(), "dryRun": true,
            }),
            "importPeople" => json!({ "dryRun": true }),
            "exportList" => json!({ "list": "COURSES", "reason": "The annual report" }),
            "cancelTableImport" => json!({ "tableImportId": self.table_import(&viewer.client).await }),
            "exportEnrolments" => json!({ "editionId": class.edition, "reason": "The annual report" }),
            other => panic!("{other} has no input: give it one, and a case"),
        }
    }

    /// As many may be under way as if nobody had asked for any.
    async fn forget_imports(&self) {
        let tx = self.test.app.db.write().await.expect("a transaction");
        table_import::Entity::delete_many().exec(&tx).await.expect("no imports");
        tx.commit().await.expect("a commit");
    }

    /// A table that this person brings in, of any kind; somebody else's where they may bring in none.
    async fn table_import(&self, client: &Client<'_>) -> String {
        self.forget_imports().await;
        let class = &self.class;
        // No edition that takes nobody is asked for with a table; one that was asked for before is cancelled in any.
        self.let_enrol().await;
        let of = json!({ "editionId": class.edition });
        let mut named = of.clone();
        named["institutionId"] = json!(self.institution.to_string());
        for (operation, mutation, input) in [
            ("ImportEnrolments", "importEnrolments", of.clone()),
            ("ImportPeople", "importPeople", json!({})),
            ("ImportNominations", "importNominations", named),
        ] {
            let made = act(client, operation, input).await;
            if made.json.get("errors").is_none() {
                return made.text(&format!("{mutation}.created.tableImport.id"));
            }
        }
        let made = act(&class.coordinator, "ImportEnrolments", of).await;
        made.text("importEnrolments.created.tableImport.id")
    }

    /// Somebody who was not invited before.
    pub(super) fn guest(&self) -> Value {
        let email = format!("guest{}@example.org", self.next());
        json!({ "email": email, "givenName": "Gina", "familyName": "Guest", "language": "ES" })
    }

    pub(super) fn guest_as_tutor(&self) -> Value {
        let mut input = self.guest();
        input["role"] = json!("TUTOR");
        input["scopeId"] = json!(self.class.edition);
        input
    }
}

fn decision(state: EnrolmentState) -> &'static str {
    match state {
        EnrolmentState::Applied | EnrolmentState::UnderReview => "REJECT",
        EnrolmentState::Waitlisted => "CANCEL",
        _ => "EXCLUDE",
    }
}

fn course(code: &str) -> Value {
    json!({ "code": code, "titles": [{ "language": "ES", "text": "Curso" }] })
}

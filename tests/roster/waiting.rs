//! Tables that are under way: what whoever follows one hears.

use chrono::TimeDelta;
use futures_util::FutureExt;
use rumbo::store::announce::Topic;
use rumbo::store::table_import;

use super::broken::handed_over;
use super::cancelled::claimed;
use crate::live::announce::following;
use crate::live::in_time;
use crate::support::app::TestApp;
use crate::support::scene::{Plan, enrolling};

#[tokio::test]
async fn whoever_follows_a_table_hears_what_has_changed_and_nothing_else() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    let edition = enrolling(&carla, Plan::OPEN).await;
    handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    let first = claimed(&test).await;
    handed_over(&test, &carla, &edition, "ROW_BY_ROW").await;
    let other = claimed(&test).await;
    let mut followed = following(&test, &[first.id, other.id].map(Topic::Import)).await;
    let until = test.now() + TimeDelta::seconds(60);
    let advance = async |held: &table_import::Model, done: i64, is_news: bool| {
        let told = table_import::advance(&test.app.db, held, (done, 9), is_news, until).await;
        told.expect("it is noted")
    };
    assert!(advance(&first, 3, true).await);
    in_time(followed[0].changed()).await;

    assert!(advance(&first, 3, false).await, "it is held for longer");
    let lost = table_import::Model {
        lease: first.lease - 1,
        ..first
    };
    assert!(!advance(&lost, 4, true).await);
    // Announcements come in the order of the commits.
    assert!(advance(&other, 1, true).await);
    in_time(followed[1].changed()).await;
    assert!(followed[0].changed().now_or_never().is_none());
}

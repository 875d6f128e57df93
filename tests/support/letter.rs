//! What the tests take out of messages.

use rumbo::mail::Sent;

use super::app::TestApp;

/// The token in the link of a message.
#[track_caller]
pub fn token_in(mail: &Sent) -> String {
    let (_, rest) = mail
        .text
        .split_once("?token=")
        .unwrap_or_else(|| panic!("no link in {}", mail.text));
    let token: String = rest.chars().take_while(|letter| !letter.is_whitespace()).collect();
    assert!(mail.html.contains(&token), "the HTML has the same link");
    token
}

/// The token of an invitation or a nomination: its link leads to the page of those.
#[track_caller]
pub fn token_of(mail: &Sent) -> String {
    assert!(mail.text.contains("/invitation?token="), "{}", mail.text);
    token_in(mail)
}

/// The token of an invitation or a nomination in the last message to this address that has one.
pub async fn token_to(test: &TestApp, email: &str) -> String {
    let mails = test.mails().await;
    let mail = mails
        .iter()
        .rfind(|mail| mail.to == email && mail.text.contains("token="));
    token_of(mail.unwrap_or_else(|| panic!("a message to {email} was expected: {mails:?}")))
}

/// The token of an invitation in the only message that left.
pub async fn only_token(test: &TestApp) -> String {
    match test.mails().await.as_slice() {
        [mail] => token_of(mail),
        mails => panic!("one message was expected: {mails:?}"),
    }
}

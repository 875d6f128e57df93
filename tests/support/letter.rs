//! What the tests take out of messages.

use rumbo::mail::Sent;

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

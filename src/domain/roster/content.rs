//! The content of a row as one number: a row with the same one asks for the same. Its address alone as another: by it
//! the row is known again, whoever has the address by then.

use sha2::{Digest, Sha256};

use super::PersonRow;

/// The SHA-256 of the address of a row, in normal form.
pub fn address_of(row: &PersonRow) -> Vec<u8> {
    let address: &str = row.email.as_ref();
    Sha256::digest(address).to_vec()
}

/// The SHA-256 of everything that a row says of a person, in normal form.
pub fn content_of(row: &PersonRow) -> Vec<u8> {
    let country = row.country.as_ref().map(|country| country.as_ref().to_owned());
    let cells = [
        Some(row.email.as_ref().to_owned()),
        row.given_name.as_ref().map(ToString::to_string),
        row.family_name.as_ref().map(ToString::to_string),
        row.language.map(|language| language.code().to_owned()),
        row.time_zone.map(|zone| zone.name().to_owned()),
        row.gender.map(|gender| gender.word().to_owned()),
        country,
        row.institution.as_ref().map(ToString::to_string),
        row.constituent_group.map(|group| group.word().to_owned()),
    ];
    let mut hash = Sha256::new();
    for cell in cells {
        match cell {
            None => hash.update([0]),
            Some(cell) => {
                hash.update([1]);
                hash.update((cell.len() as u64).to_be_bytes());
                hash.update(cell.as_bytes());
            }
        }
    }
    hash.finalize().to_vec()
}

//! Seeds are written with the project's own encoder where there is one, and with these otherwise.

use adit_proto::{Encode, Writer};

/// A message as bytes.
#[must_use]
pub fn bytes(message: &impl Encode) -> Vec<u8> {
    let mut out = vec![0; message.encoded_len()];
    let mut writer = Writer::new(&mut out);
    message.encode(&mut writer);
    assert_eq!(
        writer.written(),
        Some(out.len()),
        "encoded_len is not what encode writes"
    );
    out
}

/// An SSH string.
#[must_use]
pub fn string(contents: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(contents.len())
        .expect("a short seed")
        .to_be_bytes()
        .to_vec();
    out.extend_from_slice(contents);
    out
}

/// Some texts as seeds.
pub(crate) fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

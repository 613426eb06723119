//! How a table of fields becomes a message that can be read and written.

use crate::error::Malformed;
use crate::wire::{Reader, Rest, Writer};

/// One field of a message: a type of RFC 4251 §5.
pub trait Field<'a>: Sized {
    /// Reads it from the front.
    ///
    /// # Errors
    /// Whatever makes the bytes not this type.
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed>;
    /// How many bytes [`Field::write`] writes, exactly.
    fn field_len(&self) -> usize;
    /// Writes it.
    fn write(&self, writer: &mut Writer<'_>);
}

/// Something that can be read from a whole payload.
pub trait Decode<'a>: Sized {
    /// Reads a whole payload, message number included where there is one.
    ///
    /// # Errors
    /// [`Malformed`] for everything that is not exactly this message.
    fn decode(payload: &'a [u8]) -> Result<Self, Malformed>;
}

/// Something that can be written, with its exact length known before.
pub trait Encode {
    /// How many bytes [`Encode::encode`] writes, exactly.
    fn encoded_len(&self) -> usize;
    /// Writes all of it.
    fn encode(&self, writer: &mut Writer<'_>);
}

/// A message with a number of its own.
pub trait Message {
    /// Its first byte.
    const NUMBER: u8;
}

impl<'a> Field<'a> for u8 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        reader.byte()
    }
    fn field_len(&self) -> usize {
        1
    }
    fn write(&self, writer: &mut Writer<'_>) {
        writer.byte(*self);
    }
}

impl<'a> Field<'a> for bool {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        reader.boolean()
    }
    fn field_len(&self) -> usize {
        1
    }
    fn write(&self, writer: &mut Writer<'_>) {
        writer.boolean(*self);
    }
}

impl<'a> Field<'a> for u32 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        reader.u32()
    }
    fn field_len(&self) -> usize {
        4
    }
    fn write(&self, writer: &mut Writer<'_>) {
        writer.u32(*self);
    }
}

/// `byte[N]`, such as the cookie of KEXINIT.
impl<'a, const N: usize> Field<'a> for [u8; N] {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        reader.array()
    }
    fn field_len(&self) -> usize {
        N
    }
    fn write(&self, writer: &mut Writer<'_>) {
        writer.bytes(self);
    }
}

/// `string`.
impl<'a> Field<'a> for &'a [u8] {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        reader.string()
    }
    fn field_len(&self) -> usize {
        self.len().saturating_add(4)
    }
    fn write(&self, writer: &mut Writer<'_>) {
        writer.string(self);
    }
}

impl<'a> Field<'a> for Rest<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self(reader.rest()))
    }
    fn field_len(&self) -> usize {
        self.0.len()
    }
    fn write(&self, writer: &mut Writer<'_>) {
        writer.bytes(self.0);
    }
}

/// Makes a struct, [`Decode`] and [`Encode`] from a table of fields in wire order.
///
/// `struct Name = NUMBER { .. }` is a message; without `= NUMBER` it is a part of one, or a blob.
macro_rules! message {
    ($(
        $(#[$doc:meta])*
        struct $name:ident $(<$life:lifetime>)? $(= $number:path)? {
            $( $(#[$field_doc:meta])* $field:ident: $type:ty, )*
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub struct $name $(<$life>)? { $( $(#[$field_doc])* pub $field: $type, )* }

        message!(@number [$($number)?] $name [$($life)?]);

        impl<'a> $crate::Decode<'a> for message!(@a $name $($life)?) {
            fn decode(payload: &'a [u8]) -> Result<Self, $crate::Malformed> {
                let mut reader = $crate::Reader::new(payload);
                $(if reader.byte()? != $number { return Err($crate::Malformed::WrongNumber); })?
                let value = Self { $($field: $crate::Field::read(&mut reader)?,)* };
                reader.finish()?;
                Ok(value)
            }
        }

        impl $crate::Encode for message!(@any $name $($life)?) {
            fn encoded_len(&self) -> usize {
                let len: usize = 0;
                $(let _ = $number; let len = len.saturating_add(1);)?
                $(let len = len.saturating_add($crate::Field::field_len(&self.$field));)*
                len
            }
            fn encode(&self, writer: &mut $crate::Writer<'_>) {
                $(writer.byte($number);)?
                $($crate::Field::write(&self.$field, writer);)*
                let _ = writer;
            }
        }
    )*};
    (@number [] $name:ident [$($life:lifetime)?]) => {};
    (@number [$number:path] $name:ident [$($life:lifetime)?]) => {
        impl $crate::Message for message!(@any $name $($life)?) {
            const NUMBER: u8 = $number;
        }
    };
    (@any $name:ident $life:lifetime) => { $name<'_> };
    (@any $name:ident) => { $name };
    (@a $name:ident $life:lifetime) => { $name<'a> };
    (@a $name:ident) => { $name };
}
pub(crate) use message;

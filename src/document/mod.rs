//! Documents that other programs open. So far: tables and workbooks (XLSX).

pub mod table;
pub mod workbook;

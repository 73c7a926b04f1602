/* fields_doc.h - docs/fields.md out of the field tables. PURE. */
#pragma once

#include "schema/base/arena.h"

/* The whole document as Markdown. */
const char *fields_doc(struct arena *a);

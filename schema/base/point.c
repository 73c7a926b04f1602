/* point.c - what a point does in the programs: nothing. Nothing else may stand in this file, or a
 * test could not replace it; see point.h. */
#include "schema/base/point.h"

int point_hit(const char *name)
{
	(void)name;
	return 0;
}

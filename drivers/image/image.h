/* image.h - the image driver. */
#pragma once

#include "drivers/driver.h"

extern const struct driver driver_image;

/* mac.h - the hardware address of a VM: always the same for the same instance and name.
 *
 * PURE.
 */
#pragma once

#define MAC_TEXT_MAX 18

/* A locally administered unicast address ("02:" and 40 bits) made from instance and name. */
void mac_of(const char *instance, const char *vm, char out[MAC_TEXT_MAX]);

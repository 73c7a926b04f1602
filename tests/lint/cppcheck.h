/* cppcheck.h - loops of libraries that are macros; cppcheck does not read the headers that have them. */
#pragma once

#define json_array_foreach(a, i, v) for (i = 0; (v = json_array_get(a, i)); i++)
#define json_object_foreach(o, k, v) for (k = next_key(o); (v = json_object_get(o, k)); k = next_key(o))
#define json_object_foreach_safe(o, n, k, v) for (k = next_key(o); (v = json_object_get(o, k)); k = n)
#define mnl_attr_for_each(a, head, size) for (a = first_attr(head, size); a; a = next_attr(a))
#define mnl_attr_for_each_nested(a, nest) for (a = first_attr(nest, 0); a; a = next_attr(a))

package oracle;

import java.util.List;
import java.util.Map;
import org.apache.camel.util.json.JsonArray;
import org.apache.camel.util.json.JsonObject;

/** Reads plain data; what is not there is false, 0 or empty. */
final class Json {
  private Json() {}

  static long number(Map<String, Object> from, String name) {
    return from.get(name) instanceof Number number ? number.longValue() : 0;
  }

  static boolean isTrue(Map<String, Object> from, String name) {
    return Boolean.TRUE.equals(from.get(name));
  }

  static String text(Map<String, Object> from, String name) {
    return from.get(name) instanceof String text ? text : "";
  }

  @SuppressWarnings("unchecked")
  static List<Object> list(Map<String, Object> from, String name) {
    return from.get(name) instanceof List<?> list ? (List<Object>) list : List.of();
  }

  @SuppressWarnings("unchecked")
  static List<JsonObject> objects(Map<String, Object> from, String name) {
    return (List<JsonObject>) (List<?>) list(from, name);
  }

  static JsonObject object(Map<String, Object> from, String name) {
    return (JsonObject) from.get(name);
  }

  /** A copy with one field set. */
  static JsonObject with(Map<String, Object> from, String name, Object value) {
    JsonObject copy = new JsonObject();
    copy.putAll(from);
    copy.put(name, value);
    return copy;
  }

  /** A copy of a list with one more. */
  static JsonArray and(List<Object> list, Object last) {
    JsonArray copy = new JsonArray();
    copy.addAll(list);
    copy.add(last);
    return copy;
  }
}

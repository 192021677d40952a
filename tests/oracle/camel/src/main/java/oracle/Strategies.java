package oracle;

import java.util.Map;
import org.apache.camel.AggregationStrategy;
import org.apache.camel.Exchange;
import org.apache.camel.support.ExchangeHelper;
import org.apache.camel.util.json.JsonArray;
import org.apache.camel.util.json.JsonObject;

/** How several exchanges become one. */
final class Strategies {
  /** On an exchange that a filter ended. */
  static final String FILTERED = "oracleFiltered";

  private Strategies() {}

  /** The members of a group: their ids and the sum of their numbers. */
  static final class Members implements AggregationStrategy {
    @Override
    public Exchange aggregate(Exchange group, Exchange member) {
      Map<String, Object> body = Bodies.of(member);
      JsonObject sum = new JsonObject();
      sum.put("k", body.get("k"));
      Map<String, Object> before = group == null ? new JsonObject() : Bodies.of(group);
      sum.put("ids", Json.and(Json.list(before, "ids"), body.get("id")));
      sum.put("n", Json.number(before, "n") + Json.number(body, "n"));
      Exchange answer = group == null ? member : group;
      answer.getMessage().setBody(sum);
      return answer;
    }
  }

  /** Joins the answers of parts and copies that did not fail: the last one, or a list beside the body. */
  record Joined(boolean collects, boolean skipsFiltered) implements AggregationStrategy {
    @Override
    public Exchange aggregate(Exchange before, Exchange answer) {
      throw new IllegalStateException("Camel asks with the exchange that came in.");
    }

    @Override
    public Exchange aggregate(Exchange before, Exchange answer, Exchange input) {
      Exchange joined = before == null ? ExchangeHelper.createCopy(input, true) : before;
      if (answer.getException() != null || (skipsFiltered && isFiltered(answer))) return joined;
      Map<String, Object> body = Bodies.of(answer);
      if (!collects) joined.getMessage().setBody(body);
      else {
        JsonArray list = Json.and(Json.list(Bodies.of(joined), "joined"), Bodies.answer(body));
        Bodies.set(joined, "joined", list);
      }
      return joined;
    }
  }

  private static boolean isFiltered(Exchange answer) {
    return answer.getProperty(FILTERED) != null;
  }

  /** Puts what a resource answered beside the body; null where it failed. */
  static final class Got implements AggregationStrategy {
    @Override
    public Exchange aggregate(Exchange asked, Exchange resource) {
      boolean isThere = resource != null && resource.getException() == null;
      Bodies.set(asked, "got", isThere ? Bodies.answer(Bodies.of(resource)) : null);
      return asked;
    }
  }
}

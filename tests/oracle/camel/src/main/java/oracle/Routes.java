package oracle;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.apache.camel.AggregationStrategy;
import org.apache.camel.Exchange;
import org.apache.camel.Expression;
import org.apache.camel.Predicate;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.model.AggregateDefinition;
import org.apache.camel.model.ChoiceDefinition;
import org.apache.camel.model.CircuitBreakerDefinition;
import org.apache.camel.model.ClaimCheckOperation;
import org.apache.camel.model.IdempotentConsumerDefinition;
import org.apache.camel.model.LoadBalanceDefinition;
import org.apache.camel.model.LoopDefinition;
import org.apache.camel.model.MulticastDefinition;
import org.apache.camel.model.ProcessorDefinition;
import org.apache.camel.model.RecipientListDefinition;
import org.apache.camel.model.Resilience4jConfigurationDefinition;
import org.apache.camel.model.RoutingSlipDefinition;
import org.apache.camel.model.SplitDefinition;
import org.apache.camel.model.config.BatchResequencerConfig;
import org.apache.camel.model.config.StreamResequencerConfig;
import org.apache.camel.processor.aggregate.UseOriginalAggregationStrategy;
import org.apache.camel.support.ExpressionAdapter;
import org.apache.camel.support.processor.idempotent.MemoryIdempotentRepository;
import org.apache.camel.util.concurrent.SynchronousExecutorService;
import org.apache.camel.util.json.JsonObject;

/** Makes Camel's routes of a case's steps. Each branch is a route of its own, as Camel names branches by their address. */
final class Routes extends RouteBuilder {
  private final List<JsonObject> steps;
  private final long tickMs;
  private final BiConsumer<String, Object> see;
  private final Runnable intervalBegins;
  private int branches;

  Routes(
      List<JsonObject> steps,
      long tickMs,
      BiConsumer<String, Object> see,
      Runnable intervalBegins) {
    this.intervalBegins = intervalBegins;
    this.steps = steps;
    this.tickMs = tickMs;
    this.see = see;
  }

  @Override
  public void configure() {
    add(from("direct:start"), steps);
  }

  /** Adds steps. Those of Camel's that hold the steps behind them in a block get the rest. */
  private void add(ProcessorDefinition<?> to, List<JsonObject> list) {
    ProcessorDefinition<?> at = to;
    for (JsonObject step : list) at = add(at, step);
  }

  private ProcessorDefinition<?> add(ProcessorDefinition<?> to, JsonObject step) {
    return switch (Json.text(step, "do")) {
      case "mark" -> to.process(exchange -> Bodies.mark(exchange, Json.text(step, "with")));
      case "add" ->
          to.process(exchange -> Bodies.set(exchange, "n", Bodies.n(exchange) + Json.number(step, "by")));
      case "turn" ->
          to.process(exchange -> Bodies.mark(exchange, "turn " + exchange.getProperty(Exchange.LOOP_INDEX)));
      case "see" ->
          to.process(exchange -> see.accept(Json.text(step, "at"), exchange.getMessage().getBody()));
      case "fail" -> to.process(exchange -> failWhen(test(step).matches(exchange), step));
      case "filter" -> filter(to, step);
      case "choice" -> choice(to, step);
      case "split" -> split(to, step);
      case "multicast" -> multicast(to, step);
      case "recipients" -> recipients(to, step);
      case "slip" -> slip(to, step);
      case "router" -> to.dynamicRouter(next(step, named(step, "branches")));
      case "balance" -> balance(to, step);
      case "failover" -> failover(to, step);
      case "dedupe" -> dedupe(to, step);
      case "loop" -> loop(to, step);
      case "claim" -> claim(to, step);
      case "sort" -> sort(to, step);
      case "enrich" -> enrich(to, step);
      case "aggregate" -> aggregate(to, Json.object(step, "complete"));
      case "resequence" -> resequence(to, step);
      case "breaker" -> breaker(to, step);
      case "delay" -> to.delay(time(step, "ticks"));
      default -> throw new IllegalArgumentException("No such step: " + step.toJson());
    };
  }

  private static void failWhen(boolean fails, JsonObject step) throws IOException {
    if (fails && "io".equals(Json.text(step, "as"))) throw new IOException("an io failure");
    if (fails) throw new IllegalArgumentException("a step that fails");
  }

  private static Predicate test(JsonObject step) {
    JsonObject test = Json.object(step, "when");
    return exchange -> Bodies.holds(test, Bodies.n(exchange));
  }

  private static Expression expression(Function<Exchange, Object> evaluate) {
    return new ExpressionAdapter() {
      @Override
      public Object evaluate(Exchange exchange) {
        return evaluate.apply(exchange);
      }
    };
  }

  private String branch(List<JsonObject> list) {
    branches += 1;
    String uri = "direct:branch-" + branches;
    add(from(uri), list);
    return uri;
  }

  /** The addresses of branches by their names; what is none is an address that Camel cannot know. */
  private Function<Object, String> named(JsonObject step, String field) {
    JsonObject uris = new JsonObject();
    for (JsonObject each : Json.objects(step, field))
      uris.put(Json.text(each, "name"), branch(Json.objects(each, "steps")));
    return name -> uris.containsKey(name) ? Json.text(uris, (String) name) : "unknown:" + name;
  }

  private String[] addresses(JsonObject step, String field) {
    Function<Object, String> of = named(step, field);
    return Json.objects(step, field).stream()
        .map(each -> of.apply(Json.text(each, "name")))
        .toArray(String[]::new);
  }

  private static Expression listed(Function<Object, String> uris) {
    return expression(
        exchange -> {
          List<String> list = new ArrayList<>();
          for (Object name : Json.list(Bodies.of(exchange), "to")) list.add(uris.apply(name));
          return list;
        });
  }

  /** What does not fit stays marked; what fits goes on in the filter's block, without the mark. */
  private static ProcessorDefinition<?> filter(ProcessorDefinition<?> to, JsonObject step) {
    ProcessorDefinition<?> marked =
        to.process(exchange -> exchange.setProperty(Strategies.FILTERED, true));
    if (!Json.isTrue(step, "stops"))
      return marked
          .filter(test(step))
          .process(exchange -> exchange.removeProperty(Strategies.FILTERED));
    marked.filter(exchange -> !test(step).matches(exchange)).stop();
    return marked.process(exchange -> exchange.removeProperty(Strategies.FILTERED));
  }

  private ProcessorDefinition<?> choice(ProcessorDefinition<?> to, JsonObject step) {
    ChoiceDefinition choice = to.choice();
    for (JsonObject each : Json.objects(step, "branches")) {
      choice.when(test(each));
      add(choice, Json.objects(each, "steps"));
    }
    if (step.get("otherwise") != null) {
      choice.otherwise();
      add(choice, Json.objects(step, "otherwise"));
    }
    return to;
  }

  /** Null where Camel's own default is to be taken. */
  private static AggregationStrategy strategy(JsonObject step) {
    boolean skipsFiltered = Json.isTrue(step, "skipFiltered");
    return switch (Json.text(step, "join")) {
      case "latest" -> new Strategies.Joined(false, skipsFiltered);
      case "collect" -> new Strategies.Joined(true, skipsFiltered);
      default ->
          Json.isTrue(step, "original") ? new UseOriginalAggregationStrategy(null, false) : null;
    };
  }

  private ProcessorDefinition<?> split(ProcessorDefinition<?> to, JsonObject step) {
    SplitDefinition split = to.split(expression(exchange -> Bodies.parts(Bodies.of(exchange))));
    if (strategy(step) != null) split.aggregationStrategy(strategy(step));
    if (Json.isTrue(step, "parallel")) split.parallelProcessing();
    if (Json.isTrue(step, "stopOnError")) split.stopOnException();
    add(split, Json.objects(step, "each"));
    return to;
  }

  private ProcessorDefinition<?> multicast(ProcessorDefinition<?> to, JsonObject step) {
    MulticastDefinition multicast = to.multicast();
    if (strategy(step) != null) multicast.aggregationStrategy(strategy(step));
    if (Json.isTrue(step, "parallel")) multicast.parallelProcessing();
    if (Json.isTrue(step, "stopOnError")) multicast.stopOnException();
    multicast.to(addresses(step, "branches"));
    return to;
  }

  private ProcessorDefinition<?> recipients(ProcessorDefinition<?> to, JsonObject step) {
    RecipientListDefinition<?> recipients = to.recipientList(listed(named(step, "branches")));
    if (strategy(step) != null) recipients.aggregationStrategy(strategy(step));
    if (Json.isTrue(step, "parallel")) recipients.parallelProcessing();
    if (Json.isTrue(step, "stopOnError")) recipients.stopOnException();
    if (Json.isTrue(step, "ignoreUnknown")) recipients.ignoreInvalidEndpoints();
    return to;
  }

  private ProcessorDefinition<?> slip(ProcessorDefinition<?> to, JsonObject step) {
    RoutingSlipDefinition<?> slip = to.routingSlip(listed(named(step, "branches")));
    if (Json.isTrue(step, "ignoreUnknown")) slip.ignoreInvalidEndpoints();
    return to;
  }

  private static Expression next(JsonObject step, Function<Object, String> uris) {
    List<Object> table = Json.list(step, "table");
    return expression(
        exchange -> {
          long n = Bodies.n(exchange);
          return n >= Json.number(step, "until")
              ? null
              : uris.apply(table.get(Math.floorMod(n, table.size())));
        });
  }

  private ProcessorDefinition<?> balance(ProcessorDefinition<?> to, JsonObject step) {
    LoadBalanceDefinition balance = to.loadBalance();
    switch (Json.text(step, "by")) {
      case "weighted" -> {
        List<String> weights =
            Json.objects(step, "targets").stream().map(each -> "" + each.get("weight")).toList();
        balance.weighted(true, String.join(",", weights));
      }
      case "sticky" -> balance.sticky(expression(exchange -> Bodies.of(exchange).get("k")));
      default -> balance.roundRobin();
    }
    balance.to(addresses(step, "targets"));
    return to;
  }

  /** Camel counts the attempts behind the first one. */
  private ProcessorDefinition<?> failover(ProcessorDefinition<?> to, JsonObject step) {
    int more = step.get("attempts") == null ? -1 : (int) Json.number(step, "attempts") - 1;
    String start = Json.text(step, "start");
    Class<?>[] errors =
        "io".equals(Json.text(step, "errors")) ? new Class<?>[] {IOException.class} : new Class<?>[0];
    to.loadBalance()
        .failover(more, false, "roundRobin".equals(start), "sticky".equals(start), errors)
        .to(addresses(step, "targets"));
    return to;
  }

  /** The time for which it is open is given to Camel in whole seconds. */
  private ProcessorDefinition<?> breaker(ProcessorDefinition<?> to, JsonObject step) {
    Resilience4jConfigurationDefinition rules = new Resilience4jConfigurationDefinition();
    rules.setSlidingWindowSize(Json.number(step, "calls") + "");
    rules.setMinimumNumberOfCalls(Json.number(step, "minimum") + "");
    rules.setWaitDurationInOpenState(time(step, "openFor") / 1_000 + "");
    rules.setPermittedNumberOfCallsInHalfOpenState(Json.number(step, "trials") + "");
    rules.setThrowExceptionWhenHalfOpenOrOpenState("true");
    CircuitBreakerDefinition breaker = to.circuitBreaker();
    breaker.setResilience4jConfiguration(rules);
    add(breaker, Json.objects(step, "steps"));
    if (step.get("fallback") != null) {
      breaker.onFallback();
      add(breaker, Json.objects(step, "fallback"));
    }
    return to;
  }

  private static ProcessorDefinition<?> dedupe(ProcessorDefinition<?> to, JsonObject step) {
    IdempotentConsumerDefinition dedupe =
        to.idempotentConsumer(
            expression(exchange -> identity(exchange, Json.isTrue(step, "emptyIsNone"))),
            MemoryIdempotentRepository.memoryIdempotentRepository(1_000));
    return switch (Json.text(step, "remember")) {
      case "seen" -> dedupe.removeOnFailure(false);
      case "done" -> dedupe.eager(false).removeOnFailure(!Json.isTrue(step, "doneStays"));
      default -> dedupe;
    };
  }

  private static Object identity(Exchange exchange, boolean emptyIsNone) {
    String k = Json.text(Bodies.of(exchange), "k");
    return emptyIsNone && k.isEmpty() ? null : k;
  }

  private ProcessorDefinition<?> loop(ProcessorDefinition<?> to, JsonObject step) {
    Object times = step.get("times");
    if (Json.isTrue(step, "negativeFails")) to.process(exchange -> failWhen(Bodies.n(exchange) < 0, step));
    LoopDefinition loop =
        times instanceof JsonObject rule
            ? to.loopDoWhile(test(new JsonObject(java.util.Map.of("when", rule.get("while")))))
            : to.loop(expression(exchange -> times instanceof Number ? times : Bodies.n(exchange)));
    if (Json.isTrue(step, "copy")) loop.copy();
    add(loop, Json.objects(step, "steps"));
    return to;
  }

  private static ProcessorDefinition<?> claim(ProcessorDefinition<?> to, JsonObject step) {
    String key = Json.text(step, "key");
    return switch (Json.text(step, "op")) {
      case "set" -> to.claimCheck(ClaimCheckOperation.Set, key);
      case "get" -> to.claimCheck(ClaimCheckOperation.Get, key);
      case "getAndRemove" -> to.claimCheck(ClaimCheckOperation.GetAndRemove, key);
      case "push" -> to.claimCheck(ClaimCheckOperation.Push);
      default -> to.claimCheck(ClaimCheckOperation.Pop);
    };
  }

  private static ProcessorDefinition<?> sort(ProcessorDefinition<?> to, JsonObject step) {
    return to.process(exchange -> exchange.setProperty("unsorted", Bodies.of(exchange)))
        .process(exchange -> exchange.getMessage().setBody(Json.list(Bodies.of(exchange), "items")))
        .sort(expression(exchange -> exchange.getMessage().getBody()), Bodies.order(step.get("by")))
        .process(
            exchange -> {
              JsonObject before = exchange.getProperty("unsorted", JsonObject.class);
              Object items = exchange.getMessage().getBody();
              exchange.getMessage().setBody(Json.with(before, "items", items));
            });
  }

  private ProcessorDefinition<?> enrich(ProcessorDefinition<?> to, JsonObject step) {
    String resource = branch(Json.objects(step, "resource"));
    return Json.isTrue(step, "replaces")
        ? to.enrich(resource)
        : to.enrich(resource, new Strategies.Got(), Json.isTrue(step, "rescued"));
  }

  private ProcessorDefinition<?> aggregate(ProcessorDefinition<?> to, JsonObject complete) {
    AggregateDefinition aggregate =
        to.process(Routes::signal).aggregate(expression(exchange -> Bodies.of(exchange).get("k")), new Strategies.Members())
            .executorService(new SynchronousExecutorService())
            .completionTimeoutCheckerInterval(10);
    if (complete.containsKey("size")) aggregate.completionSize((int) Json.number(complete, "size"));
    if (Json.isTrue(complete, "sizeOfMember"))
      aggregate.eagerCheckCompletion().completionSize(expression(exchange -> (int) Bodies.n(exchange)));
    if (complete.containsKey("timeout")) aggregate.completionTimeout(time(complete, "timeout"));
    if (complete.containsKey("interval"))
      aggregate
          .completionInterval(time(complete, "interval"))
          .timeoutCheckerExecutorService(new Intervals(intervalBegins));
    if (complete.containsKey("sum"))
      aggregate.completionPredicate(exchange -> Bodies.n(exchange) >= Json.number(complete, "sum"));
    if (complete.containsKey("last")) {
      JsonObject last = Json.object(complete, "last");
      aggregate
          .eagerCheckCompletion()
          .completionPredicate(exchange -> Bodies.holds(last, Bodies.n(exchange)));
    }
    if (Json.isTrue(complete, "closed")) aggregate.closeCorrelationKeyOnCompletion(1_000);
    if (Json.isTrue(complete, "onStop")) aggregate.forceCompletionOnStop();
    return aggregate.process(exchange -> Bodies.set(exchange, "by", completedBy(exchange)));
  }

  /** In the words of the cases. */
  private static String completedBy(Exchange exchange) {
    String by = exchange.getProperty(Exchange.AGGREGATED_COMPLETED_BY, String.class);
    return "force".equals(by) ? "forced" : by;
  }

  private static void signal(Exchange exchange) {
    String signal = Json.text(Bodies.of(exchange), "signal");
    if (signal.equals("all"))
      exchange.getMessage().setHeader(Exchange.AGGREGATION_COMPLETE_ALL_GROUPS, true);
    if (signal.equals("inclusive"))
      exchange.getMessage().setHeader(Exchange.AGGREGATION_COMPLETE_ALL_GROUPS_INCLUSIVE, true);
  }

  /** Times are given in halves of a tick too. */
  private long time(JsonObject from, String name) {
    return Math.round(((Number) from.get(name)).doubleValue() * tickMs);
  }

  private ProcessorDefinition<?> resequence(ProcessorDefinition<?> to, JsonObject step) {
    JsonObject batch = Json.object(step, "batch");
    if (batch != null) {
      BatchResequencerConfig config = new BatchResequencerConfig();
      config.setBatchTimeout(Long.toString(time(step, "timeout")));
      config.setBatchSize(Long.toString(Json.number(batch, "size")));
      config.setReverse(Boolean.toString(Json.isTrue(batch, "reverse")));
      config.setAllowDuplicates(Boolean.toString(Json.isTrue(batch, "twice")));
      return to.resequence(expression(Bodies::n)).batch(config);
    }
    StreamResequencerConfig config = new StreamResequencerConfig();
    config.setTimeout(Long.toString(time(step, "timeout")));
    config.setCapacity("1000");
    config.setDeliveryAttemptInterval("10");
    if ("fail".equals(Json.text(step, "late"))) config.setRejectOld("true");
    return to.resequence(expression(Bodies::n)).stream(config);
  }
}

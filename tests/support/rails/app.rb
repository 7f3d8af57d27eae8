# frozen_string_literal: true

# A Rails application on one port, for the tests of clients/rails: ruby app.rb PORT

ENV["RAILS_ENV"] = "production"
require "rails"
require "action_controller/railtie"
require "webrick"
require "rack/handler/webrick"
require ENV.fetch("RAILS_CLIENT", File.expand_path("../../../clients/rails/dynamo_store", __dir__))

class App < Rails::Application
  config.eager_load = false
  config.secret_key_base = "none of the tests signs anything with it"
  config.logger = Logger.new($stderr)
  config.log_level = :error
  config.hosts.clear
  config.session_store :dynamo_store, subject: "user"
end

class PagesController < ActionController::Base
  def static = render(plain: "no session needed")
  def show = render(json: session.to_hash.except("session_id"))
  def put = (session[params[:name]] = params[:value]) && render(plain: "done")
  def drop = session.delete(params[:name]) && render(plain: "done")
  def many = (session[:many] = { "at" => Time.at(0).utc, :sym => [:a, nil, 1.5], "$x" => { "$y" => 1 } }) && render(plain: "done")
  def flash_it = (flash[:notice] = "saved") && render(plain: "done")
  def flashed = render(plain: flash[:notice].to_s)
  def token = render(plain: form_authenticity_token)
  def sid = render(plain: session["session_id"].to_s)

  def login
    reset_session
    session[:user] = params[:name]
    render plain: "done"
  end

  def renew
    request.session_options[:renew] = true
    render plain: "done"
  end

  def logout
    reset_session
    render plain: "done"
  end

  def slow
    session[:late] = params[:name]
    wait
  end

  def slow_login
    session[:user] = params[:name]
    wait
  end

  def slow_renew
    session[:late] = params[:name]
    request.session_options[:renew] = true
    wait
  end

  def breaks = raise("a bug")

  private

  def wait
    File.write(params[:started], "")
    sleep 0.02 until File.exist?(params[:go_on])
    render plain: "done"
  end
end

App.initialize!
App.routes.draw do
  pages = %w[static show many flash_it flashed token sid renew logout breaks] +
    %w[drop/:name login/:name slow/:name slow_login/:name slow_renew/:name put/:name/:value]
  pages.each { |page| match "/#{page}", to: "pages##{page[/\w+/]}", via: %i[get post] }
end

# Says HTTPS, as a proxy in front of it would.
secure = ->(env) { App.call(env.merge("HTTPS" => "on", "rack.url_scheme" => "https")) }
Rack::Handler::WEBrick.run(
  secure, Host: "127.0.0.1", Port: ARGV[0].to_i, AccessLog: [], Logger: WEBrick::Log.new($stderr, WEBrick::Log::WARN)
)

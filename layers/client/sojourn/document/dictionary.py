"""The preset dictionary of item format 1: what sessions are likely to contain, one phrase a line. Has no function.

Frozen: every stored document that names dictionary 1 needs these very bytes. Better phrases make a dictionary 2 with
a flag byte of its own. People chose them, no user's data is in them; what is most common comes last, where a reference
to it is shortest. benchmarks/dictionary.py measures what they are worth: ordering and choosing them by machine was
tried, and made documents 0.3 % larger.
"""

from typing import Final

PHRASES_1: Final = rb"""
{"_auth_user_id":"1","_auth_user_backend":"django.contrib.auth.backends.ModelBackend","_auth_user_hash":"
allauth.account.auth_backends.AuthenticationBackend
"socialaccount_states":{"
","socialaccount_sociallogin":{"account":{"provider":"google","uid":"
[{"process":"login","next":"/"},1
"account_authentication_methods":[{"method":"socialaccount","at":1
"_session_expiry":1209600,"
"_messages":"[[\"__json_message\",0,25,\"Your changes have been saved.\",\"\"]]",
"_language":"en"
"django_timezone":"
"_csrftoken":"
{"wizard_contact_wizard":{"step":"1","step_data":{"0":{"csrfmiddlewaretoken":["
"],"step_files":{},"extra_data":{}}
"date_of_birth":["19
{"_fresh":true,"_id":"
","_user_id":"
"_permanent":true,"csrf_token":"
"_flashes":[{"$tuple":["message","Please log in to access this page."]}
,{"$tuple":["success","You were logged in."]}]
"$tuple":["error","
"$tuple":["warning","
"$tuple":["info","
{"cookie":{"originalMaxAge":86400000,"expires":"
00Z","secure":true,"httpOnly":true,"domain":null,"path":"/","sameSite":"lax"},
"passport":{"user":"
"flash":{},"returnTo":"/
"csrfSecret":"
{"session_id":"
","_csrf_token":"
"warden.user.user.key":[[1
],"$2a$12$
"warden.user.user.session":{"last_request_at":17
"flash":{"discard":[],"flashes":{"notice":"Signed in successfully."}}
"user_return_to":"/
"omniauth.state":"
{"_token":"
","_previous":{"url":"https://www.example.com/
"_flash":{"old":[],"new":[]}
"url":{"intended":"https://
"login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d":1
{"_state_google_
":{"data":{"redirect_uri":"https://www.example.com/auth/callback","code_verifier":"
"oauth_state":"
"nonce":"
","url":"https://accounts.google.com/o/oauth2/v2/auth?response_type=code&client_id=
&scope=openid+email+profile&state=
&code_challenge_method=S256"},"exp":17
.auth.eu-west-1.amazoncognito.com/oauth2/
https://cognito-idp.us-east-1.amazonaws.com/us-east-1_
"iss":"https://accounts.google.com","aud":"
.apps.googleusercontent.com","sub":"1
"email_verified":true,"name":"
","given_name":"
","family_name":"
","picture":"https://lh3.googleusercontent.com/a/
=s96-c","locale":"en","iat":17
,"exp":17
"preferred_username":"
"id_token":"eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6I
eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ
"userinfo":{"
"token":{"access_token":"
","refresh_token":"
","token_type":"Bearer","expires_in":3599,"expires_at":17
"scope":"openid email profile"
"provider":"google"
"user":{"id":"
"user_id":"
"user_id":{"$uuid":"
{"user":{"id":{"$uuid":"
","username":"
","email":"
@gmail.com"
@example.com"
@outlook.com"
"display_name":"
"first_name":"
","last_name":"
"is_authenticated":true
"is_active":true,"is_staff":false,"is_superuser":false,"is_admin":false
"roles":["user","admin"]
"roles":{"$set":["editor","user"]}
"permissions":["read","write","delete","admin"]
"groups":["
"tenant_id":{"$uuid":"
"organization_id":"
"account_id":"
"workspace":"
"status":"active"
"status":"pending"
"status":"completed"
"state":"
"feature_flags":{"new_checkout":true,"dark_mode":false,"beta_search":true,"new_dashboard":false,"notifications":true,"two_factor":false,"onboarding":true}
"experiments":{"checkout_button":"control","
":"treatment"
":"variant_a"
"preferences":{"theme":"dark","language":"en","timezone":"Europe/
"theme":"light"
"theme":"system"
"settings":{"
"locale":"en
"locale":"en_US"
"currency":"EUR"
"currency":"USD"
America/New_York"
America/Los_Angeles"
Europe/Berlin"
Europe/London"
Asia/
"ip_address":"192.168.
"ip":"
"user_agent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit
/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15
Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit
/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1
Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36
Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0
"login_at":{"$datetime":"20
"logged_in_at":
"last_login":{"$datetime":"20
"last_seen_at":{"$datetime":"20
"last_activity":17
"last_seen":
"created_at":{"$datetime":"2026-
"updated_at":{"$datetime":"2026-
"expires_at":{"$datetime":"2026-
"timestamp":
"auth_method":"password"
"auth_method":"magic_link"
"passkey"
"mfa_verified":true
"mfa_required":false
"attempts":0
"visited":["/account","/cart","/checkout","/dashboard","/orders","/products","/settings","/search","/profile"]
"redirect_url":"/
"return_url":"/
"next":"/
"referrer":"https://www.google.com/"
"utm_source":"google","utm_medium":"cpc","utm_campaign":"
"cart":{"id":{"$uuid":"
"},"items":[{"
"cart":[{"product_id":
"cart_id":"
"product_id":
"variant_id":
,"sku":"SKU-
","name":"
","quantity":1,"price":{"$decimal":"
"},"image":"/static/images/products/
.jpg","options":{"color":"black","size":"M"}},{"product_id":
"color":"white"
"color":"red"
"color":"blue"
"color":"green"
"color":"grey"
"size":"L"
"size":"S"
"size":"XL"
"price":
"unit_price":
"qty":1
"quantity":2,"price":
"quantity":3,"price":
],"subtotal":{"$decimal":"
"coupon":null
"discount":0
"tax":
"shipping":
"total":{"$decimal":"
"amount":
"recently_viewed":[
"wishlist":[]
"order_id":"
"checkout":{"step":"payment","completed_steps":["cart","address","shipping"],
"shipping_address":{"first_name":"
"billing_address":{"first_name":"
","street":"
 Street
","city":"
","postal_code":"
","country":"DE","phone":"+49
"shipping_method":"standard","payment_method":"card","payment_intent":"pi_
"address":{"
"step":
"steps":[
"form_data":{"
"data":{"
"errors":{}
"message":"
"messages":[]
"notifications":[{"id":
"unread":
"read":false
"filters":{"category":"home","min_price":10,"max_price":200,"sort":"price","order":"asc","page":1
"page_size":20
"query":"
"search":"
"results":[{"id":{"$uuid":"
"},"title":"
","description":"
 in stock","category":"
","rating":4.
,"available":true,"url":"https://www.example.com/products/
"type":"
"category":"electronics"
"category":"garden"
"category":"fashion"
"label":"
"value":"
"key":"
"count":
"index":
"enabled":true
"enabled":false
"version":1
"tags":["
"items":[]
"id":
{"id":"
"name":"
"url":"https://
https://www.
"code":"
","date":{"$date":"20
"start":"
"end":"
{"$datetime":"202
{"$datetime":"2026-
+00:00"},"
+02:00"}
{"$uuid":"
{"$decimal":"
{"$bytes":"
{"$tuple":["
{"$set":["
{"$date":"20
{"$object":{"$
"},"
"},{"
"}],"
":true,"
":false,"
":null,"
":{"
":["
":[{"
":[],"
":{},"
":"",
""".strip().splitlines()

DICTIONARY_1: Final = b"".join(PHRASES_1)
"""A zlib preset dictionary, ASCII: the lines above without their line ends."""
